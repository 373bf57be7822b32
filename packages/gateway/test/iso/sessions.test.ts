import { type AddressInfo, createServer } from "node:net"
import { ISO_MESSAGE_BYTES_MAX, textOf } from "@millrace/iso8583"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { IsoHost } from "../../src/iso/IsoHost.ts"
import { firstCard, hostWith, type IsoHouse, Line, responseOf, start } from "./lab.ts"

const withHouse = async (
  hosts: ReadonlyArray<IsoHost>,
  limits: Parameters<typeof start>[1],
  run: (house: IsoHouse) => Promise<void>,
  engine: Parameters<typeof start>[2] = {},
): Promise<void> => {
  const house = await start(hosts, limits, engine)
  try {
    await run(house)
  } finally {
    await house.stop()
  }
}
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo // it listens on TCP
      server.close(() => resolve(port))
    })
  })
const faultsOf = (house: IsoHouse) => Object.fromEntries(house.iso.tally.faults)

describe("a connection", () => {
  it.each(["binary2", "binary2-tpdu", "ascii4"] as const)(
    "%s: many requests in flight are each answered, however the bytes are cut",
    (framing) =>
      withHouse([hostWith({ framing })], {}, async (house) => {
        const line = new Line(house)
        await line.logOn()
        const asks = Array.from({ length: 500 }, (_, i) =>
          line.transaction("00", 1, { 2: String(firstCard + BigInt(i % 5)), 41: `0000100${1 + (i % 4)}` }),
        )
        const bytes = Buffer.concat(asks.map((ask) => line.frame(line.bytesOf("0200", ask))))
        for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 1_009) {
          line.socket.write(bytes.subarray(at, at + size))
        }
        await line.until(() => line.answers.length === 501)
        const answered = new Set(
          line.answers.slice(1).map((answer) => `${textOf(answer, 41)}/${textOf(answer, 11)}`),
        )
        expect(answered.size).toBe(500)
        expect(line.answers.every((answer) => responseOf(answer) === "00")).toBe(true)
        expect(house.balance()).toBe(9_900)
        if (framing === "binary2-tpdu") {
          expect(line.tpdus[7]).toEqual(Uint8Array.of(0x60, 0x12, 0x34, 0, 3))
        }
        line.close()
      }),
  )

  it("stops reading at its limit and at full mailboxes, and answers all the same", () =>
    withHouse(
      [hostWith()],
      { inFlightMax: 4 },
      async (house) => {
        const line = new Line(house)
        await line.logOn()
        const asks = Array.from({ length: 300 }, () => line.transaction("00", 1))
        line.socket.write(Buffer.concat(asks.map((ask) => line.frame(line.bytesOf("0200", ask)))))
        line.socket.end()
        await line.until(() => line.closed)
        expect(line.answers.length).toBe(301)
        expect(house.balance()).toBe(9_700)
      },
      { mailboxRecordsMax: 2 },
    ))

  it("the same number twice in flight: once for one card, refused for another", () =>
    withHouse([hostWith()], {}, async (house) => {
      const line = new Line(house)
      await line.logOn()
      const sale = line.transaction("00", 10)
      const bytes = [sale, sale, { ...sale, 2: String(firstCard + 1n) }].map((one) =>
        line.bytesOf("0200", one),
      )
      line.socket.write(Buffer.concat(bytes.map((one) => line.frame(one))))
      await line.until(() => line.answers.length === 4)
      expect(line.answers.slice(1).map(responseOf).sort()).toEqual(["00", "00", "94"])
      expect([house.balance(), house.balance(firstCard + 1n)]).toEqual([9_990, 10_000])
      line.close()
    }))

  it("what can't be read is refused with 30 where it can be matched; too much of it ends the connection", () =>
    withHouse([hostWith()], {}, async (house) => {
      const line = new Line(house)
      await line.logOn()
      const good = line.bytesOf("0200", line.transaction("00", 1))
      const cut = await (async () => {
        line.socket.write(line.frame(good.subarray(0, good.length - 2)))
        await line.until(() => line.answers.length === 2)
        return line.answers[1]
      })()
      expect([cut.mti, responseOf(cut)]).toEqual(["0210", "30"])
      const garbage = Buffer.alloc(40, 0xa5)
      for (let i = 0; i < 8; i++) line.socket.write(line.frame(garbage))
      await line.until(() => line.closed)
      expect(faultsOf(house)).toEqual({ "bad-messages": 1 })
      expect(house.iso.tally.refusals.get("too-short")).toBe(1)
      expect(house.iso.tally.refusals.get("bad-mti")).toBe(4)
    }))

  it("garbage before the logon is not answered; a frame that can't be ends the connection", () =>
    withHouse([hostWith({ framing: "ascii4" })], {}, async (house) => {
      const line = new Line(house)
      line.socket.write(line.frame(Buffer.from("0200garbage")))
      line.socket.write("no length at all")
      await line.until(() => line.closed)
      expect(line.answers).toEqual([])
      expect(faultsOf(house)).toEqual({ "bad-frame": 1 })
    }))

  it("a message over its limit ends the connection", () =>
    withHouse([hostWith()], { messageBytesMax: 300 }, async (house) => {
      const line = new Line(house)
      line.socket.write(line.frame(new Uint8Array(301)))
      await line.until(() => line.closed)
      const other = new Line(house)
      other.socket.write(Buffer.from([0xff, 0xff, 0]))
      await other.until(() => other.closed)
      expect(ISO_MESSAGE_BYTES_MAX).toBeLessThan(0xffff)
      expect(faultsOf(house)).toEqual({ "message-too-long": 1, "bad-frame": 1 })
    }))

  it("half a frame, silence and no logon have an end", () =>
    withHouse([hostWith()], { frameSecondsMax: 0, idleSecondsMax: 1, logonSecondsMax: 3 }, async (house) => {
      const [half, silent, idle] = [new Line(house), new Line(house), new Line(house)]
      half.socket.write(Buffer.from([0, 50, 1]))
      await idle.logOn()
      await Promise.all([half, silent, idle].map((line) => line.until(() => line.closed)))
      expect(faultsOf(house)["bad-frame"]).toBe(1)
      expect(faultsOf(house)["idle-timeout"]).toBe(2)
      expect(house.iso.sessions()).toBe(0)
    }))

  it("one too many is not let in; when one goes, the next one is", () =>
    withHouse([hostWith()], { sessionsMax: 2 }, async (house) => {
      const [first, second] = [new Line(house), new Line(house)]
      await Promise.all([first.logOn(), second.logOn()])
      const third = new Line(house)
      await third.until(() => third.closed)
      expect(faultsOf(house)).toEqual({ "too-many-sessions": 1 })
      first.close()
      // Its place is free once the system has let go of its socket.
      let next = new Line(house)
      while ((await next.logOn()).mti === "closed") next = new Line(house)
      expect(responseOf(next.answers[0])).toBe("00")
      for (const line of [second, next]) line.close()
    }))

  it("with a MAC a logon alone is not enough to stay", () =>
    withHouse([hostWith({ mac: "x919" })], { logonSecondsMax: 0 }, async (house) => {
      const line = new Line(house)
      await line.logOn()
      await line.until(() => line.closed)
      expect(faultsOf(house)).toEqual({ "logon-timeout": 1 })
    }))

  it("is the host's that its address is of; of nobody's address it is closed", () =>
    withHouse([hostWith({ from: ["192.0.2.7"] })], {}, async (house) => {
      const line = new Line(house)
      await line.until(() => line.closed)
      expect(faultsOf(house)).toEqual({ "unknown-host": 1 })
    }))

  it("a host may have a port of its own, with another dialect", async () => {
    const port = await freePort()
    const other = hostWith({ port, dialect: "iso1993" })
    await withHouse([hostWith(), other], {}, async (house) => {
      expect(house.iso.addresses.map((address) => address.port)).toContain(port)
      const lines = [new Line(house), new Line(house, other, port)]
      for (const line of lines) await line.logOn()
      expect(lines.map((line) => line.answers[0].mti)).toEqual(["0810", "1814"])
      for (const line of lines) line.close()
    })
  })

  it("hosts that can't be told apart, and a dialect that can't do what is asked, do not start", async () => {
    await expect(start([hostWith(), hostWith({ dialect: "iso1993" })])).rejects.toThrow(/both connect from/)
    const { dialect } = hostWith()
    const { keys: _, ...uses } = dialect.uses
    const without: IsoHost = { ...hostWith(), dialect: { ...dialect, uses } }
    await expect(start([without])).rejects.toThrow(/must name a field under uses.keys/)
  })

  it("names stand for terminals where the host has such", () =>
    withHouse([hostWith({ terminals: new Map([["SHOP7", 1004]]) })], {}, async (house) => {
      const line = new Line(house)
      await line.logOn()
      expect(responseOf(await line.ask("0200", line.transaction("00", 5, { 41: "SHOP7" })))).toBe("00")
      expect(house.engine.lane.ledger.terminalTotals(1004)?.debits).toEqual({ count: 1, amount: 5 })
      line.close()
    }))

  it("is answered to the end when the listener stops", () =>
    withHouse([hostWith()], {}, async (house) => {
      const line = new Line(house)
      await line.logOn()
      await Effect.runPromise(house.iso.stopAccepting)
      await line.until(() => line.closed)
      expect(house.iso.sessions()).toBe(0)
    }))
})
