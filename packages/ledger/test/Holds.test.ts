// Holds are a map from (terminal, reference), and run out in one order, whatever came and went before.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Holds } from "../src/Holds.ts"
import { readPiece } from "../src/Image.ts"
import { HOLDS_PER_SHARD_MAX } from "../src/limits.ts"

interface Hold {
  readonly terminal: number
  readonly reference: bigint
  readonly card: number
  readonly purse: number
  readonly amount: number
  readonly expiresMs: number
  readonly day: number
}

const lo = (reference: bigint): number => Number(reference & 0xffff_ffffn) | 0
const hi = (reference: bigint): number => Number(reference >> 32n) | 0
const keyOf = (hold: { readonly terminal: number; readonly reference: bigint }): string =>
  `${hold.terminal} ${hold.reference}`

const add = (holds: Holds, hold: Hold): void => {
  const { terminal, reference, card, purse, amount, expiresMs, day } = hold
  holds.add(terminal, lo(reference), hi(reference), card, purse, amount, expiresMs, day)
}

const rowOf = (holds: Holds, row: number): Hold => ({
  terminal: holds.terminal(row) >>> 0,
  reference: (BigInt(holds.hi(row) >>> 0) << 32n) | BigInt(holds.lo(row) >>> 0),
  card: holds.card(row),
  purse: holds.purse(row),
  amount: holds.amount(row),
  expiresMs: holds.expiresMs(row),
  day: holds.day(row),
})

const inOrder = (a: Hold, b: Hold): number => {
  if (a.expiresMs !== b.expiresMs) return a.expiresMs - b.expiresMs
  if (a.terminal !== b.terminal) return a.terminal - b.terminal
  return a.reference < b.reference ? -1 : 1
}

/** All that run out by `time`, in their order, taken out of the holds. */
const expire = (holds: Holds, time: number): ReadonlyArray<Hold> => {
  const expired: Array<Hold> = []
  for (let row = holds.due(time); row >= 0; row = holds.due(time)) {
    expired.push(rowOf(holds, row))
    holds.remove(row)
  }
  return expired
}

const pulled = (holds: Holds): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let piece = holds.capture(); piece !== null; piece = holds.capture()) pieces.push(piece)
  return pieces
}

const restoredFrom = (pieces: ReadonlyArray<Uint8Array>, salt: number): Holds => {
  const holds = new Holds(salt)
  for (const bytes of pieces) holds.restore("shard-0", readPiece("shard-0", bytes))
  return holds
}

const word = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff))
const hold: fc.Arbitrary<Hold> = fc.record({
  terminal: word,
  reference: fc.tuple(word, word).map(([hi, lo]) => (BigInt(hi) << 32n) | BigInt(lo)),
  card: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
  purse: fc.integer({ min: 0, max: 8 }),
  amount: fc.maxSafeNat(),
  // Few, so that many run out at one moment; and fractions, which no clock gives but a double can hold.
  expiresMs: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 4_000_000_000_000 })),
  day: fc.integer({ min: 0, max: 0xffff }),
})
const step = fc.oneof(
  { weight: 6, arbitrary: hold.map((hold) => ({ what: "add" as const, hold })) },
  { weight: 3, arbitrary: fc.nat().map((at) => ({ what: "remove" as const, at })) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5 }).map((time) => ({ what: "expire" as const, time })) },
  { weight: 1, arbitrary: fc.constant({ what: "image" as const }) },
)

describe("holds", () => {
  it("are what a map and a sort would make of them, also across images", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), fc.integer(), (steps, salt) => {
        let holds = new Holds(salt)
        const model = new Map<string, Hold>()
        const sorted = () => [...model.values()].sort(inOrder)
        for (const step of steps) {
          if (step.what === "add") {
            const { hold } = step
            const known = model.get(keyOf(hold))
            const row = holds.find(hold.terminal, lo(hold.reference), hi(hold.reference))
            expect(row < 0 ? undefined : rowOf(holds, row)).toEqual(known)
            if (known !== undefined) continue
            add(holds, hold)
            model.set(keyOf(hold), hold)
          } else if (step.what === "remove") {
            const one = [...model.values()][step.at % Math.max(1, model.size)]
            if (one === undefined) continue
            holds.remove(holds.find(one.terminal | 0, lo(one.reference), hi(one.reference)))
            model.delete(keyOf(one))
          } else if (step.what === "expire") {
            const due = sorted().filter(({ expiresMs }) => expiresMs <= step.time)
            expect(expire(holds, step.time)).toEqual(due)
            for (const one of due) model.delete(keyOf(one))
          } else {
            holds.freeze()
            // Another salt, and so other chains: no answer depends on it.
            const restored = restoredFrom(pulled(holds), salt + 1)
            holds.thaw()
            holds = restored
          }
          expect(holds.count).toBe(model.size)
          expect(holds.nextExpiry).toBe(sorted()[0]?.expiresMs ?? Number.POSITIVE_INFINITY)
        }
        expect(expire(holds, Number.MAX_SAFE_INTEGER)).toEqual(sorted())
        expect(holds.due(Number.MAX_SAFE_INTEGER)).toBe(-1)
      }),
      { numRuns: 300 },
    )
  })

  it("are all found through the growth of the table to many thousands, and back to none", () => {
    const holds = new Holds(7)
    const count = 50_000
    const made = (i: number): Hold => ({
      terminal: 1 + (i % 300),
      reference: BigInt(i) * 4_194_304n,
      card: i,
      purse: i % 9,
      amount: i,
      expiresMs: (i * 7_919) % 1_000,
      day: i % 65_536,
    })
    for (let i = 0; i < count; i++) add(holds, made(i))
    let wrong = 0
    const check = (i: number, isThere: boolean) => {
      const { terminal, reference } = made(i)
      const row = holds.find(terminal, lo(reference), hi(reference))
      if (isThere ? row < 0 || holds.card(row) !== i : row !== -1) wrong++
    }
    for (let i = 0; i < count; i++) check(i, true)
    check(count, false)
    for (let i = 0; i < count; i += 2) {
      const { terminal, reference } = made(i)
      holds.remove(holds.find(terminal, lo(reference), hi(reference)))
    }
    for (let i = 0; i < count; i++) check(i, i % 2 === 1)
    const expired = expire(holds, 1_000)
    expect(expired.length).toBe(count / 2)
    for (let i = 1; i < expired.length; i++) if (inOrder(expired[i - 1], expired[i]) >= 0) wrong++
    expect(wrong).toBe(0)
    expect(holds.count).toBe(0)
  })

  it("give the image of the moment of the freeze while they come and go", () => {
    const holds = new Holds()
    const made = (i: number): Hold => ({
      terminal: 1,
      reference: BigInt(i),
      card: i,
      purse: 0,
      amount: 10 + i,
      expiresMs: i % 50,
      day: 3,
    })
    let next = 0
    while (next < 5_000) add(holds, made(next++))
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 }), (bursts) => {
        const rows = Array.from({ length: holds.count }, (_, row) => rowOf(holds, row))
        expect(holds.freeze()).toBe(rows.length)
        const pieces: Array<Uint8Array> = []
        for (const burst of bursts) {
          for (let i = 0; i < burst && holds.count > 0; i++) {
            if (i % 3 === 0) add(holds, made(next++))
            else holds.remove((i * 7_919) % holds.count)
          }
          const piece = holds.capture()
          if (piece !== null) pieces.push(piece)
        }
        pieces.push(...pulled(holds))
        holds.thaw()
        const restored = restoredFrom(pieces, 0)
        expect(Array.from({ length: restored.count }, (_, row) => rowOf(restored, row))).toEqual(rows)
        expect(expire(restored, 50)).toEqual([...rows].sort(inOrder))
        while (holds.count < 5_000) add(holds, made(next++))
      }),
      { numRuns: 30 },
    )
  })

  it("are bounded", () => {
    const holds = new Holds()
    // From the last to run out to the first: the heap's worst way in.
    for (let i = 0; i < HOLDS_PER_SHARD_MAX; i++) holds.add(1, i, 0, i, 0, 1, HOLDS_PER_SHARD_MAX - i, 0)
    expect(holds.isFull).toBe(true)
    expect(() => holds.add(2, 1, 0, 0, 0, 1, 1, 0)).toThrow(/full/)
    expect(holds.count).toBe(HOLDS_PER_SHARD_MAX)
    expect(holds.card(holds.due(1))).toBe(HOLDS_PER_SHARD_MAX - 1)
    expect(holds.bytes / holds.count).toBeLessThan(96)
  })
})
