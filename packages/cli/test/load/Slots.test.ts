import {
  batchFrame,
  decodeRecord,
  FRAME_HEADER_BYTES,
  OUTCOME_BYTES,
  RECORD_BYTES,
  RecordFlag,
  ResponseCode,
  writeOutcome,
} from "@millrace/protocol"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Histogram } from "../../src/load/Histogram.ts"
import { parseMix } from "../../src/load/Mix.ts"
import { loadCardFirst } from "../../src/load/Population.ts"
import { newAnswers, Slots, slotsFit } from "../../src/load/Slots.ts"
import { Traffic } from "../../src/load/Traffic.ts"

const CARDS = 1_000
const traffic = () => new Traffic(Result.getOrThrow(parseMix("purchase=8,recharge=2,balance=1")), CARDS, 7)
const answers = () => newAnswers(new Histogram(), new Histogram())

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const recordsOf = (slots: Slots, slot: number) => {
  const frame = slots.bytes.subarray(slot * slots.frameBytes, (slot + 1) * slots.frameBytes)
  const view = viewOf(frame)
  return Array.from({ length: slots.batch }, (_, index) =>
    decodeRecord(view, FRAME_HEADER_BYTES + index * RECORD_BYTES),
  )
}

const outcome = (reference: bigint, response = 0, flags = 0): DataView => {
  const view = new DataView(new ArrayBuffer(OUTCOME_BYTES))
  const lo = Number(reference & 0xffff_ffffn)
  writeOutcome(view, 0, lo, Number(reference >> 32n), 0, 0, 0, 0, 9, response, flags)
  return view
}

describe("Slots", () => {
  it("writes frames that the protocol would write", () => {
    const slots = new Slots(9, 2, 3)
    slots.fill(traffic(), 1_700_000_000_000, 0)
    const frame = slots.bytes.subarray(0, slots.frameBytes)
    expect([...frame]).toEqual([...batchFrame(frame.subarray(FRAME_HEADER_BYTES), RECORD_BYTES, 0)])
    for (const record of recordsOf(slots, 0)) {
      expect(record).toMatchObject({ terminal: 9, flags: 0, currency: 963, original: 0n })
      expect(record.reference >> 22n).toBe(1_700_000_000_000n)
      expect(Number(record.card)).toBeGreaterThanOrEqual(loadCardFirst)
      expect(Number(record.card)).toBeLessThan(loadCardFirst + CARDS)
    }
  })

  it("never gives a reference twice and frees a slot once all of it is answered, whatever the order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.record({ ms: fc.integer({ min: -5, max: 5 }), order: fc.infiniteStream(fc.nat()) }), {
          minLength: 1,
          maxLength: 20,
        }),
        (count, batch, rounds) => {
          const slots = new Slots(9, count, batch)
          const source = traffic()
          const seen = new Set<bigint>()
          const got = answers()
          let clock = 1_700_000_000_000
          for (const { ms, order } of rounds) {
            clock += ms
            const waiting: Array<bigint> = []
            while (slots.free > 0) {
              const slot = slots.next
              slots.fill(source, clock, 0)
              for (const { reference } of recordsOf(slots, slot)) {
                expect(seen.has(reference)).toBe(false)
                seen.add(reference)
                waiting.push(reference)
              }
            }
            expect(slots.unanswered).toBe(count * batch)
            while (waiting.length > 0) {
              const [reference] = waiting.splice(Number(order.next().value) % waiting.length, 1)
              slots.answer(outcome(reference), 0, 1, 1, got)
              expect(slots.unanswered).toBe(waiting.length)
            }
            expect(slots.free).toBe(count)
          }
          expect(got.latency.count).toBe(seen.size)
          expect(got.strays).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })

  it("counts responses, first answers given again, and latency from when the frame was due", () => {
    const slots = new Slots(9, 1, 2)
    const got = answers()
    slots.fill(traffic(), 1_700_000_000_000, 100)
    const [first, second] = recordsOf(slots, 0)
    slots.answer(outcome(first.reference, ResponseCode.insufficientFunds), 0, 1, 103, got)
    slots.answer(outcome(second.reference, 0, 1), 0, 1, 104, got)
    expect(got.responses[51]).toBe(1)
    expect(got.responses[0]).toBe(1)
    expect(got.duplicates).toBe(1)
    expect(got.latency.max).toBe(4_000)
  })

  it("takes an answer that nobody waits for as a stray", () => {
    const slots = new Slots(9, 2, 2)
    const got = answers()
    slots.fill(traffic(), 1_700_000_000_000, 0)
    const [{ reference }] = recordsOf(slots, 0)
    slots.answer(outcome(reference), 0, 1, 1, got)
    slots.answer(outcome(reference), 0, 1, 1, got)
    slots.answer(outcome(reference + (1n << 30n)), 0, 1, 1, got)
    slots.answer(outcome(reference + 3n), 0, 1, 1, got)
    expect([got.latency.count, got.strays]).toEqual([1, 3])
  })

  it("sends again what has no answer, marked as a repeat and under the same references, and counts it once", () => {
    const slots = new Slots(9, 2, 2)
    const got = answers()
    slots.fill(traffic(), 1_700_000_000_000, 0)
    const before = recordsOf(slots, 0)
    slots.answer(outcome(before[0].reference), 0, 1, 1, got)
    const sent: Array<Buffer> = []
    slots.resend((frame) => sent.push(frame))
    expect(sent).toHaveLength(1)
    expect(recordsOf(slots, 0)).toEqual(before.map((record) => ({ ...record, flags: RecordFlag.repeat })))
    for (const { reference } of before) slots.answer(outcome(reference, 0, 1), 0, 1, 1, got)
    expect([got.latency.count, got.strays, slots.free]).toEqual([2, 0, 2])
    slots.fill(traffic(), 1_700_000_000_001, 0)
    slots.fill(traffic(), 1_700_000_000_001, 0)
    expect(recordsOf(slots, 0)[0].flags).toBe(0)
  })
})

describe("slotsFit", () => {
  it("allows 2^18 records in flight", () => {
    expect(slotsFit(64, 4_096)).toBe(true)
    expect(slotsFit(65, 4_096)).toBe(false)
    expect(slotsFit(65_536, 1)).toBe(true)
  })
})
