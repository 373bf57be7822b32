import { connect } from "node:net"
import { Kind, messageFrame, packMessage, type RecordInput, ResponseCode } from "@millrace/protocol"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultGatewayLimits } from "../src/index.ts"
import { currency, firstCard, type House, start, Wire } from "./wire.ts"

const host = { host: "acquirer" } as const
let references = 1n
const purchase = (terminal = 1001, amount = 1): RecordInput => ({
  kind: Kind.purchase,
  reference: references++,
  card: firstCard,
  amount,
  terminal,
  currency,
})

describe("a session", () => {
  let house: House
  beforeAll(async () => {
    house = await start()
  })
  afterAll(() => house.stop())

  const open = async (identity: Parameters<House["key"]>[0] = host) => {
    const wire = new Wire(house.gateway.tcp.port)
    const welcome = await wire.logOn(identity, house.key(identity))
    return { wire, welcome }
  }

  it("each side proves to the other that it knows the key", async () => {
    const { wire, welcome } = await open()
    expect(welcome).toMatchObject({
      type: "welcome",
      genuine: true,
      permissions: ["transact", "provision", "inspect"],
    })
    wire.close()
  })

  it("a wrong key, an unknown host, an unknown terminal get the same words and the end", async () => {
    const attempts = [
      [host, Buffer.alloc(32)],
      [{ host: "nobody" }, house.key(host)],
      [{ terminal: 999_999 }, house.key(host)],
    ] as const
    const answers = []
    for (const [identity, key] of attempts) {
      const wire = new Wire(house.gateway.tcp.port)
      answers.push(await wire.logOn(identity, key))
      await wire.until(() => wire.closed)
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]).toMatchObject({ type: "error", code: "logon-refused" })
  })

  it("no transaction before logon", async () => {
    const wire = new Wire(house.gateway.tcp.port)
    wire.send([purchase()])
    await wire.until(() => wire.closed)
    expect(wire.outcomes).toEqual([])
    expect(wire.messages[0]).toMatchObject({ type: "error", code: "bad-message" })
  })

  it("a host speaks for its terminals, a terminal for itself; others are refused one by one", async () => {
    const { wire } = await open()
    const outcomes = await wire.transact([purchase(1001), purchase(1005), purchase(1004), purchase(1006)])
    const responses = new Map(outcomes.map((outcome) => [outcome.terminal, outcome.response]))
    expect([1001, 1005, 1004, 1006].map((terminal) => responses.get(terminal))).toEqual([0, 58, 0, 58])
    const { wire: terminal } = await open({ terminal: 1005 })
    const [own] = await terminal.transact([purchase(1005)])
    const [other] = await terminal.transact([purchase(1001)])
    expect([own.response, other.response]).toEqual([
      ResponseCode.approved,
      ResponseCode.notPermittedToTerminal,
    ])
    wire.close()
    terminal.close()
  })

  it("one transaction as a message gets the same answer as a record", async () => {
    const { wire } = await open()
    const record = purchase(1002, 25)
    const { kind: _, ...rest } = record
    const first = await wire.ask({ type: "transact", kind: "purchase", ...rest }, 41)
    expect(first).toMatchObject({ type: "transact.ok", response: 0, duplicate: false, terminal: 1002 })
    const [again] = await wire.transact([record])
    expect(again).toMatchObject({ response: 0, flags: 1, available: first["available"] })
    wire.close()
  })

  it("asks for permission, says what it lacks, and goes on", async () => {
    const { wire } = await open()
    expect(
      await wire.ask({ type: "host", id: "me", terminals: [], permissions: ["administer"] }),
    ).toMatchObject({
      type: "error",
      code: "not-permitted",
    })
    expect(await wire.ask({ type: "no-such-thing" })).toMatchObject({ type: "error", code: "unknown-type" })
    expect(await wire.ask({ type: "card", card: 5 })).toMatchObject({ type: "error", code: "not-found" })
    expect(await wire.ask({ type: "accounts" })).toMatchObject({ type: "accounts.ok", sum: 0 })
    expect(await wire.ask({ type: "echo", data: "still here" })).toEqual({
      type: "echo.ok",
      data: "still here",
    })
    wire.close()
  })

  it("who closes its side after sending still gets its answers", async () => {
    const { wire } = await open()
    wire.send(Array.from({ length: 300 }, () => purchase()))
    wire.socket.end()
    await wire.until(() => wire.closed)
    expect(wire.outcomes.length).toBe(300)
  })

  it("an over-long frame is refused with its reason before its bytes are taken", async () => {
    const { wire } = await open()
    const header = Buffer.alloc(12)
    header.writeUInt32LE(0x7fff_ffff, 0)
    header.writeUInt8(2, 4)
    header.writeUInt8(1, 5)
    wire.socket.write(header)
    await wire.until(() => wire.closed)
    expect(wire.messages.at(-1)).toMatchObject({ type: "error", code: "batch-too-long" })
    expect(house.gateway.tally.faults.get("batch-too-long")).toBe(1)
  })
})

describe("limits", () => {
  it("more in flight than allowed is read later, and all is answered in the order of the card", async () => {
    const house = await start({ recordsInFlightMax: 64 })
    const wire = new Wire(house.gateway.tcp.port)
    await wire.logOn(host, house.key(host))
    const records = Array.from({ length: 5_000 }, () => purchase())
    for (let i = 0; i < records.length; i += 500) wire.send(records.slice(i, i + 500))
    await wire.until(() => wire.outcomes.length === records.length)
    expect(wire.outcomes.map((outcome) => outcome.reference)).toEqual(
      records.map((record) => record.reference),
    )
    await house.stop()
  })

  it("one session too many is told so; the others stay", async () => {
    const house = await start({ sessionsMax: 2 })
    const first = new Wire(house.gateway.tcp.port)
    const second = new Wire(house.gateway.tcp.port)
    await first.logOn(host, house.key(host))
    await second.logOn(host, house.key(host))
    const third = new Wire(house.gateway.tcp.port)
    await third.until(() => third.closed)
    expect(third.messages[0]).toMatchObject({ type: "error", code: "too-many-sessions" })
    expect((await first.transact([purchase()]))[0].response).toBe(0)
    await house.stop()
  })

  it("a reader that never reads holds up itself and nobody else", async () => {
    const house = await start({ unreadBytesMax: 10_000, recordsInFlightMax: 1_000 })
    const deaf = new Wire(house.gateway.tcp.port)
    await deaf.logOn(host, house.key(host))
    deaf.socket.pause()
    // Far more answers than its limit and the kernel's buffers together hold.
    const flood = Array.from({ length: 1_000 }, () => purchase(1002))
    for (let i = 0; i < 200; i++) deaf.send(flood)
    const healthy = new Wire(house.gateway.tcp.port)
    await healthy.logOn(host, house.key(host))
    for (let i = 0; i < 20; i++) expect((await healthy.transact([purchase()]))[0].response).toBe(0)
    deaf.socket.resume()
    await deaf.until(() => deaf.outcomes.length === 200_000)
    await house.stop()
  })

  it("half a frame and silence, a logon that does not come, and idleness end with their reasons", async () => {
    const house = await start({ frameSecondsMax: 1, logonSecondsMax: 1, idleSecondsMax: 1 })
    const half = new Wire(house.gateway.tcp.port)
    await half.logOn(host, house.key(host))
    half.socket.write(Buffer.from([200, 0, 0, 0, 2, 1]))
    const mute = new Wire(house.gateway.tcp.port)
    const idle = new Wire(house.gateway.tcp.port)
    await idle.logOn(host, house.key(host))
    for (const wire of [half, mute, idle]) await wire.until(() => wire.closed)
    expect([half, mute, idle].map((wire) => wire.messages.at(-1)?.["code"])).toEqual([
      "bad-frame",
      "logon-timeout",
      "idle-timeout",
    ])
    await house.stop()
  })
})

describe("what failed once", () => {
  it("a session that asks and does not read is not read either", async () => {
    const house = await start({ unreadBytesMax: 100_000 })
    const socket = connect({ host: "127.0.0.1", port: house.gateway.tcp.port, noDelay: true })
    const wire = new Wire(socket)
    await wire.logOn(host, house.key(host))
    wire.socket.pause()
    const echo = messageFrame(packMessage({ type: "echo", data: Buffer.alloc(30_000) }), 1)
    for (let i = 0; i < 2_000; i++) wire.socket.write(echo)
    // Until nothing moves any more: kernel buffers on both ways are full.
    for (let before = -1; socket.bytesWritten - socket.writableLength !== before; ) {
      before = socket.bytesWritten - socket.writableLength
      await new Promise((done) => setTimeout(done, 300))
    }
    expect(wire.socket.writableLength).toBeGreaterThan(20_000_000)
    wire.socket.resume()
    await wire.until(() => wire.messages.filter((message) => message["type"] === "echo.ok").length === 2_000)
    await house.stop()
  })

  it("a refused connection that goes on sending ends all the same, and counts until it does", async () => {
    const house = await start({ sessionsMax: 1 })
    const wire = new Wire(house.gateway.tcp.port)
    wire.socket.write(Buffer.alloc(12, 0xff))
    let gone = false
    wire.socket.on("close", () => {
      gone = true
    })
    const drip = setInterval(() => wire.socket.write("x"), 200)
    await wire.until(() => wire.messages.length > 0)
    expect(house.gateway.sessions()).toBe(0)
    const next = new Wire(house.gateway.tcp.port)
    await next.until(() => next.closed)
    expect(next.messages[0]).toMatchObject({ code: "too-many-sessions" })
    while (!gone) await new Promise((done) => setTimeout(done, 100))
    clearInterval(drip)
    await house.stop()
  })

  it("before the welcome a message is short; the largest echo is refused in words", async () => {
    const house = await start()
    const stranger = new Wire(house.gateway.tcp.port)
    stranger.socket.write(messageFrame(packMessage({ type: "hello", data: Buffer.alloc(2_000) }), 1))
    await stranger.until(() => stranger.closed)
    expect(stranger.messages[0]).toMatchObject({ code: "frame-too-long" })
    const wire = new Wire(house.gateway.tcp.port)
    await wire.logOn(host, house.key(host))
    const head = Buffer.from("82a474797065a46563686fa464617461c5ffed", "hex")
    wire.socket.write(messageFrame(Buffer.concat([head, Buffer.alloc(65_517)]), 7))
    await wire.until(() => wire.messages.length === 3)
    expect(wire.messages[2]).toMatchObject({ type: "error", code: "bad-message" })
    await house.stop()
  })
})

describe("the end", () => {
  it("what was taken is answered, then sessions are told, and nobody new comes in", async () => {
    const house = await start()
    const wire = new Wire(house.gateway.tcp.port)
    await wire.logOn(host, house.key(host))
    wire.send(Array.from({ length: 200 }, () => purchase()))
    await wire.until(() => wire.outcomes.length > 0)
    await Effect.runPromise(house.gateway.stopAccepting)
    await Effect.runPromise(house.engine.drained)
    await wire.until(() => wire.closed)
    expect(wire.outcomes.length).toBe(200)
    expect(wire.messages.at(-1)).toMatchObject({ type: "error", code: "shutting-down" })
    const refused = await new Promise((resolve) => {
      connect({ host: "127.0.0.1", port: house.gateway.tcp.port }).on("error", resolve)
    })
    expect(refused).toMatchObject({ code: "ECONNREFUSED" })
    await house.stop()
  })

  it("an address that can't be listened on is refused in words", async () => {
    const house = await start()
    const { port } = house.gateway.tcp
    const { listenTcp } = await import("../src/TcpListener.ts")
    const failure = await Effect.runPromise(
      Effect.flip(
        Effect.scoped(
          listenTcp({ host: "127.0.0.1", port }, defaultGatewayLimits, {
            enter: () => undefined,
            left: () => {},
            turnedAway: () => {},
            nowSeconds: () => 0,
          }),
        ),
      ),
    )
    expect(failure.message).toBe(
      `port ${port} on 127.0.0.1 is in use by another program: stop it, or choose another port`,
    )
    await house.stop()
  })
})
