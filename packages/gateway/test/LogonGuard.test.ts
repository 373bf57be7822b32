import { createHmac, randomBytes } from "node:crypto"
import { clientTranscript } from "@millrace/protocol"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultGatewayLimits } from "../src/index.ts"
import { LogonGuard, neighbourhoodOf } from "../src/LogonGuard.ts"
import { start, Wire } from "./wire.ts"

const limits = { ...defaultGatewayLimits, sessionsMax: 1_000, logonFailuresMax: 3, lockSecondsMax: 8 }
const guarded = (more: Partial<typeof limits> = {}) => {
  const clock = { ms: 0 }
  return { clock, guard: new LogonGuard({ ...limits, ...more }, () => clock.ms) }
}

describe("the guard", () => {
  it("locks an identity where it failed, for a second that doubles up to its limit, and forgets after success", () => {
    const { clock, guard } = guarded()
    const locked = () => guard.locked("host:a", "10.0.0.1")
    const seconds = []
    for (let failure = 0; failure < 8; failure++) {
      guard.failed("host:a", "10.0.0.1")
      const from = clock.ms
      while (locked()) clock.ms += 250
      seconds.push((clock.ms - from) / 1_000)
    }
    expect(seconds).toEqual([0, 0, 1, 2, 4, 8, 8, 8])
    guard.failed("host:a", "10.0.0.1")
    expect([locked(), guard.locked("host:a", "10.0.0.2"), guard.locked("host:b", "10.0.0.1")]).toEqual([
      true,
      false,
      false,
    ])
    guard.succeeded("host:a", "10.0.0.1")
    guard.failed("host:a", "10.0.0.1")
    expect(locked()).toBe(false)
  })

  it("lets an address go on at its rate, and takes a failed logon for many", () => {
    const { clock, guard } = guarded({ logonsPerAddressSecondMax: 100, logonsPerSecondMax: 1_000_000 })
    const burst = () => {
      let taken = 0
      while (guard.begins("10.0.0.1") === undefined) taken++
      return taken
    }
    expect(burst()).toBe(1_000)
    expect(guard.admits("10.0.0.1")).toBe(false)
    expect(guard.admits("10.0.0.2")).toBe(true)
    clock.ms += 1_000
    expect(burst()).toBe(100)
    clock.ms += 3_000
    guard.failed("terminal:1", "10.0.0.1")
    expect(burst()).toBe(300 - 256)
  })

  it("takes a /64 of IPv6 for one address, and each IPv4 address for itself", () => {
    const { guard } = guarded({ logonsPerAddressSecondMax: 100 })
    for (let n = 0; n < 3; n++) guard.failed("host:a", `2001:db8:1:2:${n}::1`)
    expect(guard.locked("host:a", "2001:db8:1:2:ffff:ffff:ffff:ffff")).toBe(true)
    expect(guard.locked("host:a", "2001:db8:1:3::1")).toBe(false)
    for (let n = 0; n < 4; n++) guard.failed(`terminal:${n}`, `2001:db8:1:2::${n}`)
    expect([guard.admits("2001:db8:1:2::9"), guard.admits("2001:db8:1:3::9")]).toEqual([false, true])
    expect(
      [
        "2001:db8::1",
        "2001:0DB8:0:0:5::",
        "::1",
        "fe80::1%eth0",
        "::ffff:192.0.2.1",
        "0000:0000:0000:0000:0000:ffff:c000:0201",
        "192.0.2.1",
      ].map(neighbourhoodOf),
    ).toEqual([
      "2001:db8:0:0::/64",
      "2001:db8:0:0::/64",
      "0:0:0:0::/64",
      "fe80:0:0:0::/64",
      "192.0.2.1",
      "192.0.2.1",
      "192.0.2.1",
    ])
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV4(), (six, four) => {
        expect(neighbourhoodOf(four)).toBe(four)
        expect(neighbourhoodOf(six)).toMatch(/^([0-9a-f]{1,4}:){4}:\/64$|^\d+\.\d+\.\d+\.\d+$/)
        expect(neighbourhoodOf(`::ffff:${four}`)).toBe(four)
      }),
    )
  })

  it("lets all addresses together fail at a rate; who only says hello takes nothing from the others", () => {
    const { clock, guard } = guarded({ logonsPerSecondMax: 50 })
    const taken = () => {
      for (let n = 0; ; n++) {
        const address = `10.1.${n >> 8}.${n & 255}`
        if (guard.begins(address) === "rate") return n
        guard.failed(`host:${n}`, address)
      }
    }
    for (let n = 0; n < 5_000; n++) guard.begins(`10.9.${n >> 8}.${n & 255}`)
    expect(taken()).toBe(1_000)
    clock.ms += 2_000
    expect(taken()).toBe(100)
  })

  it("never locks who does not fail, whatever others do, and stays bounded", () => {
    const attempt = fc.record({
      identity: fc.constantFrom("host:a", "host:b", "terminal:7"),
      address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
      ms: fc.nat(3_000),
    })
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 60 }), (attempts) => {
        const { clock, guard } = guarded()
        for (const { identity, address, ms } of attempts) {
          clock.ms += ms
          guard.failed(identity, address)
          expect(guard.locked("host:good", address)).toBe(false)
        }
        clock.ms += limits.lockSecondsMax * 1_000
        expect(guard.locked("host:a", "10.0.0.1")).toBe(false)
        clock.ms += 60_000
        expect(guard.admits("10.0.0.1")).toBe(true)
      }),
    )
    const { guard } = guarded()
    guard.failed("host:first", "10.0.0.1")
    guard.failed("host:first", "10.0.0.1")
    guard.failed("host:first", "10.0.0.1")
    for (let n = 0; n < 65_536; n++) guard.failed(`terminal:${n}`, "10.0.0.9")
    expect(guard.locked("host:first", "10.0.0.1")).toBe(false)
  })
})

describe("logons with wrong keys", () => {
  const host = { host: "acquirer" } as const
  const wrong = Buffer.alloc(32)

  it("lock the identity, known or not, in the same words; another goes on; each is counted by its reason", async () => {
    const house = await start({ logonFailuresMax: 3, lockSecondsMax: 1 })
    const told = async (identity: { host: string } | { terminal: number }, key: Uint8Array) => {
      const wire = new Wire(house.gateway.tcp.port)
      const answer = await wire.logOn(identity, key)
      wire.close()
      return answer
    }
    const refused = { type: "error", code: "logon-refused", message: "the logon was refused" }
    const busy = { type: "error", code: "busy", message: "too many logons: try again after a pause" }
    for (const identity of [host, { host: "nobody" }, { terminal: 999 }]) {
      for (let n = 0; n < 3; n++) expect(await told(identity, wrong)).toEqual(refused)
      expect(await told(identity, wrong)).toEqual(busy)
    }
    expect(await told(host, house.key(host))).toEqual(busy)
    const other = { terminal: 1001 }
    expect(await told(other, house.key(other))).toMatchObject({ type: "welcome" })
    const { turnedAway } = house.gateway.tally
    expect([turnedAway.get("wrong"), turnedAway.get("locked")]).toEqual([9, 4])
    await new Promise((done) => setTimeout(done, 1_100))
    expect(await told(host, house.key(host))).toMatchObject({ type: "welcome" })
    await house.stop()
  })

  it("in a storm from one address are cut short, and sessions that are open notice nothing", async () => {
    const house = await start({ logonsPerAddressSecondMax: 1, sessionsMax: 600 })
    const good = new Wire(house.gateway.tcp.port)
    await good.logOn(host, house.key(host))
    const storm = Array.from({ length: 20 }, (_, n) => async () => {
      const wire = new Wire(house.gateway.tcp.port)
      await wire.logOn({ terminal: 5_000 + n }, wrong)
      await wire.until(() => wire.closed)
    })
    for (const attempt of storm) await attempt()
    const { turnedAway } = house.gateway.tally
    expect((turnedAway.get("wrong") ?? 0) + (turnedAway.get("address-rate") ?? 0)).toBe(20)
    expect(turnedAway.get("address-rate")).toBeGreaterThan(15)
    expect(await good.ask({ type: "echo" })).toMatchObject({ type: "echo.ok" })
    await house.stop()
  })

  it("a recorded logon never works twice: the server's nonce is new each time", async () => {
    const house = await start()
    const nonce = randomBytes(16)
    const hello = { type: "hello", protocol: 1, identity: host, nonce }
    const first = new Wire(house.gateway.tcp.port)
    const challenge = await first.ask(hello)
    const serverNonce = challenge["nonce"] as Uint8Array // the gateway's own message
    const proof = createHmac("sha256", house.key(host))
      .update(clientTranscript(host, serverNonce, nonce))
      .digest()
    const logon = { type: "logon", proof }
    expect(await first.ask(logon)).toMatchObject({ type: "welcome" })
    const second = new Wire(house.gateway.tcp.port)
    const other = await second.ask(hello)
    expect(Buffer.from(other["nonce"] as Uint8Array).equals(serverNonce)).toBe(false)
    expect(await second.ask(logon)).toMatchObject({ type: "error", code: "logon-refused" })
    // And not on the connection that it was made for.
    expect(await first.ask(logon)).toMatchObject({ type: "error", code: "unknown-type" })
    await house.stop()
  })
})

describe("a key that is rotated", () => {
  it("of a host and of a terminal: the new one logs on, the old one no more, open sessions go on", async () => {
    const house = await start()
    const made = await Effect.runPromise(
      house.engine.control({
        type: "host",
        by: "test",
        id: "desk",
        terminals: [],
        permissions: ["administer"],
      }),
    )
    expect(made.ok).toBe(true)
    const logOn = async (identity: { host: string } | { terminal: number }, key: Uint8Array) => {
      const wire = new Wire(house.gateway.tcp.port)
      return { wire, answer: await wire.logOn(identity, key) }
    }
    const desk = await logOn({ host: "desk" }, house.key({ host: "desk" }))
    for (const identity of [{ host: "acquirer" }, { terminal: 1001 }] as const) {
      const old = house.key(identity)
      const open = await logOn(identity, old)
      const rotated = await desk.wire.ask({ type: "rotate-key", ...identity })
      expect(rotated).toMatchObject({ type: "rotate-key.ok", keyVersion: 2 })
      const key = rotated["key"] as Uint8Array // the gateway's own message
      expect(Buffer.from(key).equals(old)).toBe(false)
      expect((await logOn(identity, old)).answer).toMatchObject({ code: "logon-refused" })
      expect((await logOn(identity, key)).answer).toMatchObject({ type: "welcome", genuine: true })
      expect(await open.wire.ask({ type: "echo" })).toMatchObject({ type: "echo.ok" })
      expect(await open.wire.ask({ type: "rotate-key", ...identity })).toMatchObject({
        code: "not-permitted",
      })
    }
    expect(await desk.wire.ask({ type: "rotate-key", host: "nobody" })).toMatchObject({ code: "not-found" })
    expect(await desk.wire.ask({ type: "rotate-key", terminal: 99 })).toMatchObject({ code: "not-found" })
    expect(await desk.wire.ask({ type: "rotate-key" })).toMatchObject({ code: "bad-message" })
    expect(house.engine.lane.ledger.scheme.host("acquirer")?.terminals).toEqual([[1001, 1004]])
    await house.stop()
  })
})
