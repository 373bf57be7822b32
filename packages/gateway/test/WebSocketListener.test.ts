import { connect, createServer } from "node:net"
import { Kind, messageFrame, packMessage, type RecordInput } from "@millrace/protocol"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { clientFrame, frameStream, Opcode, openWebSocket } from "./webSocket.ts"
import { currency, firstCard, type House, start, Wire } from "./wire.ts"

const host = { host: "acquirer" } as const
let references = 1n
const purchase = (terminal = 1001): RecordInput => ({
  kind: Kind.purchase,
  reference: references++,
  card: firstCard,
  amount: 1,
  terminal,
  currency,
})
const page = "https://desk.example"
const ws = { host: "127.0.0.1", port: 0, origins: [page] }
const portOf = (house: House): number => house.gateway.ws?.port ?? 0

const open = async (house: House) => {
  const wire = new Wire(await frameStream(portOf(house)))
  const welcome = await wire.logOn(host, house.key(host))
  return { wire, welcome }
}

describe("a session over WebSocket", () => {
  let house: House
  beforeAll(async () => {
    house = await start({}, { ws })
  })
  afterAll(() => house.stop())

  it("logs on, transacts in frames of any size and asks, like one over TCP", async () => {
    const { wire, welcome } = await open(house)
    expect(welcome).toMatchObject({ type: "welcome", genuine: true })
    const few = await wire.transact([purchase(), purchase(1006)])
    expect(few.map((outcome) => outcome.response).sort()).toEqual([0, 58])
    const many = await wire.transact(Array.from({ length: 4_096 }, () => purchase()))
    expect(new Set(many.map((outcome) => outcome.reference)).size).toBe(4_096)
    expect(await wire.ask({ type: "echo", data: Buffer.alloc(60_000, 7) })).toMatchObject({ type: "echo.ok" })
    wire.close()
    while (house.gateway.sessions() > 0) await new Promise((done) => setTimeout(done, 10))
  })

  it("Node's own WebSocket is understood", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(house)}`)
    socket.binaryType = "arraybuffer"
    const answer = await new Promise<MessageEvent>((resolve) => {
      socket.onopen = () => socket.send(messageFrame(packMessage({ type: "echo" }), 1).subarray(4))
      socket.onmessage = resolve
    })
    expect(Buffer.from(answer.data as ArrayBuffer).toString("latin1")).toContain("bad-message")
    await new Promise((resolve) => {
      socket.onclose = resolve
    })
  })

  it("pages connect from the origins that are allowed, who names none is no page", async () => {
    const attempts = [{ origin: page }, { origin: "https://other.example" }, {}, { path: "/other" }]
    const statuses = []
    for (const attempt of attempts) {
      const { socket, status } = await openWebSocket(portOf(house), attempt)
      statuses.push(status.split(" ")[1])
      socket.destroy()
    }
    expect(statuses).toEqual(["101", "403", "101", "404"])
    expect(house.gateway.tally.turnedAway.get("origin")).toBe(1)
    expect(house.gateway.tally.turnedAway.get("path")).toBe(1)
  })

  it("a text, a frame shorter than its header, one over its limit end with the reason", async () => {
    const attempts: ReadonlyArray<readonly [opcode: number, payload: Uint8Array, code: string]> = [
      [Opcode.text, Buffer.from("hello"), "bad-frame"],
      [Opcode.binary, Buffer.from([1, 1, 0, 0, 0]), "bad-frame"],
      [
        Opcode.binary,
        Buffer.concat([Buffer.from([2, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(4_097 * 64)]),
        "batch-too-long",
      ],
    ]
    for (const [opcode, payload, code] of attempts) {
      const { socket } = await openWebSocket(portOf(house))
      const told: Array<Buffer> = []
      socket.on("data", (chunk: Buffer) => told.push(chunk))
      socket.write(clientFrame(opcode, payload))
      await new Promise((resolve) => socket.once("close", resolve))
      expect(Buffer.concat(told).toString("latin1"), code).toContain(code)
    }
    const { socket } = await openWebSocket(portOf(house))
    socket.write(clientFrame(Opcode.binary, Buffer.alloc(1_000_000)))
    await new Promise((resolve) => socket.once("close", resolve))
  })
})

describe("limits over WebSocket", () => {
  it("more in flight than allowed waits, and all of it is answered", async () => {
    const house = await start({ recordsInFlightMax: 64 }, { ws })
    const { wire } = await open(house)
    const records = Array.from({ length: 5_000 }, () => purchase())
    for (let i = 0; i < records.length; i += 500) wire.send(records.slice(i, i + 500))
    await wire.until(() => wire.outcomes.length === records.length)
    expect(wire.outcomes.map((outcome) => outcome.reference)).toEqual(
      records.map((record) => record.reference),
    )
    await house.stop()
  })

  it("who sends far more than the welcome allows and does not read is ended, the others go on", async () => {
    const limits = { recordsInFlightMax: 1_000, messagesInFlightMax: 2, unreadBytesMax: 10_000 }
    const house = await start(limits, { ws })
    const { wire: deaf } = await open(house)
    const { wire: healthy } = await open(house)
    deaf.socket.pause()
    const flood = Array.from({ length: 1_000 }, () => purchase(1002))
    let gone = false
    deaf.socket.on("close", () => {
      gone = true
    })
    for (let i = 0; i < 400 && house.gateway.sessions() === 2; i++) {
      deaf.send(flood)
      expect((await healthy.transact([purchase()]))[0].response).toBe(0)
    }
    deaf.socket.resume()
    await deaf.until(() => gone || deaf.closed)
    expect((await healthy.transact([purchase()]))[0].response).toBe(0)
    await house.stop()
  })

  it("sessions of both listeners count together", async () => {
    const house = await start({ sessionsMax: 2 }, { ws })
    const { wire: first } = await open(house)
    const second = new Wire(house.gateway.tcp.port)
    await second.logOn(host, house.key(host))
    const third = new Wire(await frameStream(portOf(house)))
    await third.until(() => third.closed)
    expect(third.messages[0]).toMatchObject({ code: "too-many-sessions" })
    first.close()
    while (house.gateway.sessions() > 1) await new Promise((done) => setTimeout(done, 10))
    await open(house)
    await house.stop()
  })

  it("connections that ask for nothing are bounded", async () => {
    const house = await start({ sessionsMax: 10 }, { ws })
    let closed = 0
    const silent = Array.from({ length: 100 }, () => {
      const socket = connect({ host: "127.0.0.1", port: portOf(house) })
      socket.on("error", () => {})
      return socket.on("close", () => void closed++)
    })
    while (closed < 26) await new Promise((done) => setTimeout(done, 10))
    for (const socket of silent) socket.destroy()
    while (closed < 100) await new Promise((done) => setTimeout(done, 10))
    expect((await open(house)).welcome).toMatchObject({ type: "welcome" })
    await house.stop()
  })

  it("a half-open connection is found out by a ping and ended; a silent one that answers pings stays", async () => {
    const house = await start({ idleSecondsMax: 86_400 }, { ws: { ...ws, pingSecondsMax: 8 } })
    const { wire: alive } = await open(house)
    const socket = connect({ host: "127.0.0.1", port: portOf(house) })
    const deaf = new Wire(await frameStream(portOf(house), socket))
    await deaf.logOn(host, house.key(host))
    // From now on it hears no ping, as one whose line was cut; its system still acknowledges what comes.
    socket.pause()
    expect(house.gateway.sessions()).toBe(2)
    while (house.gateway.sessions() > 1) await new Promise((done) => setTimeout(done, 50))
    expect((await alive.transact([purchase()]))[0].response).toBe(0)
    socket.destroy()
    await house.stop()
  })

  it("silence ends with its reason", async () => {
    const house = await start({ logonSecondsMax: 1, idleSecondsMax: 1 }, { ws })
    const mute = new Wire(await frameStream(portOf(house)))
    const { wire: idle } = await open(house)
    for (const wire of [mute, idle]) await wire.until(() => wire.closed)
    expect([mute, idle].map((wire) => wire.messages.at(-1)?.["code"])).toEqual([
      "logon-timeout",
      "idle-timeout",
    ])
    await house.stop()
  })
})

describe("the listener", () => {
  it("at the end answers what was taken, tells its sessions and takes nobody new", async () => {
    const house = await start({}, { ws })
    const { wire } = await open(house)
    wire.send(Array.from({ length: 200 }, () => purchase()))
    await wire.until(() => wire.outcomes.length > 0)
    await Effect.runPromise(house.gateway.stopAccepting)
    await Effect.runPromise(house.engine.drained)
    await wire.until(() => wire.closed)
    expect(wire.outcomes.length).toBe(200)
    expect(wire.messages.at(-1)).toMatchObject({ type: "error", code: "shutting-down" })
    const refused = await new Promise((resolve) => {
      connect({ host: "127.0.0.1", port: portOf(house) }).on("error", resolve)
    })
    expect(refused).toMatchObject({ code: "ECONNREFUSED" })
    await house.stop()
  })

  it("refuses a port that is in use, and a machine without a binary unless it may do without", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const address = other.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    await expect(start({}, { ws: { ...ws, port } })).rejects.toThrow(/is in use by another program/)
    other.close()
    const load = () => Promise.reject(new Error("cannot open shared object file"))
    await expect(start({}, { ws: { ...ws, load } })).rejects.toThrow(
      /no binary for \w+ \w+ .*leave ws\.port out, or set ws\.optional/,
    )
    const house = await start({}, { ws: { ...ws, load, optional: true } })
    expect(house.gateway.ws).toBeUndefined()
    await house.stop()
  })
})
