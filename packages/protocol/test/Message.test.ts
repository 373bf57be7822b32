import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FrameAt, FrameType, MESSAGE_BYTES_MAX, packMessage, unpackMessage } from "../src/index.ts"
import { golden } from "./golden.ts"

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  fc.double({ min: -1e15, max: 1e15, noNaN: true }).filter((x) => !Object.is(x, -0)),
  // Within the safe range a bigint comes back as a number.
  fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) - 1n }),
  fc.uint8Array({ maxLength: 40 }),
)
const key = fc.string({ maxLength: 12 }).filter((text) => text !== "__proto__")
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true, maxDepth: 6 },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(key, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
}))
const map = fc.dictionary(key, value, { maxKeys: 6, noNullPrototype: true })

const problemOf = (...bytes: ReadonlyArray<number>) => {
  const result = unpackMessage(Uint8Array.from(bytes))
  return result.ok ? "none" : result.error.message
}

describe("Message", () => {
  it("unpacks to what was packed", () => {
    fc.assert(
      fc.property(map, (message) => {
        expect(unpackMessage(packMessage(message))).toEqual({ ok: true, value: message })
      }),
      { numRuns: 300 },
    )
  })

  it("keeps every u64 exactly", () => {
    for (const reference of [
      0n,
      1n,
      2n ** 32n,
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 53n + 1n,
      2n ** 63n,
      2n ** 64n - 1n,
    ]) {
      const result = unpackMessage(packMessage({ reference }))
      // The test reads a field that it has just packed.
      const back = result.ok ? (result.value["reference"] as number | bigint) : "refused"
      expect(BigInt(back)).toBe(reference)
    }
  })

  it("gives results that share no memory with the bytes, and plain arrays for binary", () => {
    const bytes = Buffer.from(packMessage({ nonce: Uint8Array.of(1, 2, 3), text: "abc" }))
    const result = unpackMessage(bytes)
    bytes.fill(0xff)
    expect(result).toEqual({ ok: true, value: { nonce: Uint8Array.of(1, 2, 3), text: "abc" } })
    if (result.ok) expect(result.value["nonce"]?.constructor).toBe(Uint8Array)
  })

  it("leaves keys without a value out", () => {
    expect(unpackMessage(packMessage({ a: undefined, b: 1 }))).toEqual({ ok: true, value: { b: 1 } })
  })

  it("refuses to pack what can't travel", () => {
    const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) })
    expect(() => packMessage({ a: deep(6) })).not.toThrow()
    expect(() => packMessage({ a: deep(7) })).toThrow(/deep/)
    expect(() => packMessage({ a: 2n ** 64n })).toThrow(/64 bits/)
    expect(() => packMessage({ a: Number.NaN })).toThrow(RangeError)
    expect(() => packMessage({ a: 2 ** 53 })).toThrow(RangeError)
    expect(() => packMessage({ a: () => 0 })).toThrow(TypeError)
    expect(() => packMessage({ a: "x".repeat(MESSAGE_BYTES_MAX) })).toThrow(/at most/)
    expect(() => packMessage(JSON.parse('{"__proto__": 1}'))).toThrow(/__proto__/)
  })

  it("says what is wrong with bytes, and where", () => {
    expect(problemOf()).toMatch(/not nothing/)
    expect(problemOf(0x01)).toMatch(/one map/)
    expect(problemOf(0x90)).toMatch(/one map/)
    expect(problemOf(0x81, 0x01, 0x01)).toMatch(/key is not text at byte 1/)
    expect(problemOf(0x81, 0xa1, 0x61)).toMatch(/announced|cut short/)
    expect(problemOf(0x81, 0xa5, 0x61, 0x62)).toMatch(/cut short at byte 1/)
    expect(problemOf(0x80, 0x80)).toMatch(/1 bytes after/)
    expect(problemOf(0xdf, 0xff, 0xff, 0xff, 0xff)).toMatch(/more items/)
    expect(problemOf(0x81, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff)).toMatch(/more items/)
    expect(problemOf(0x81, 0xa1, 0x61, 0xdb, 0xff, 0xff, 0xff, 0xff)).toMatch(/cut short/)
    expect(problemOf(0x81, 0xa1, 0x61, 0xc1)).toMatch(/kind that messages do not carry/)
    // An extension that msgpackr would make a record of.
    expect(problemOf(0x81, 0xa1, 0x61, 0xd4, 0x72, 0x40)).toMatch(/kind that messages do not carry/)
    expect(problemOf(0x81, 0xa1, 0x61, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)).toMatch(/float/)
    expect(problemOf(0x81, 0xa1, 0x61, ...Array(7).fill(0x91), 0xc0)).toBe("none")
    expect(problemOf(0x81, 0xa1, 0x61, ...Array(8).fill(0x91), 0xc0)).toMatch(/8 deep/)
    expect(unpackMessage(new Uint8Array(MESSAGE_BYTES_MAX + 1)).ok).toBe(false)
    expect(unpackMessage(new Uint8Array(MESSAGE_BYTES_MAX).fill(0x91)).ok).toBe(false)
  })

  it("answers any bytes with a map or an error", () => {
    const payloads = Object.values(golden).map((frame) => frame.subarray(12))
    const mutated = fc
      .tuple(
        fc.constantFrom(...payloads),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        fc.nat(),
      )
      .map(([payload, changes, cut]) => {
        const bytes = payload.slice(0, cut % 5 === 0 ? cut % payload.length : payload.length)
        for (const [at, to] of changes) if (bytes.length > 0) bytes[at % bytes.length] = to
        return bytes
      })
    let good = 0
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        const result = unpackMessage(bytes)
        if (result.ok) {
          good++
          expect(typeof result.value).toBe("object")
          // What was let in can go out again.
          expect(unpackMessage(packMessage(result.value))).toEqual(result)
        } else expect(result.error.code).toBe("bad-message")
      }),
      { numRuns: 3_000 },
    )
    expect(good).toBeGreaterThan(100)
  })

  it("refuses every truncation of a message", () => {
    for (const [name, frame] of Object.entries(golden)) {
      if (frame[FrameAt.type] === FrameType.batch) continue
      const payload = frame.subarray(12)
      expect(unpackMessage(payload).ok).toBe(true)
      for (let end = 0; end < payload.length; end++) {
        expect(unpackMessage(payload.subarray(0, end)).ok, `${name} cut at ${end}`).toBe(false)
      }
    }
  })
})
