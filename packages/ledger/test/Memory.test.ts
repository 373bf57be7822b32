// The ring and its index against a Map that forgets nothing but what it must.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Memory } from "../src/Memory.ts"
import { greater } from "../src/model/Request.ts"
import { SLOT_WORDS, SlotKind } from "../src/Slot.ts"
import { Terminals } from "../src/Terminals.ts"

const write = (
  memory: Memory,
  terminals: Terminals,
  terminal: number,
  lo: number,
  hi: number,
  kind: number,
): void => {
  const at = memory.working(0)
  memory.ring.fill(0, at, at + SLOT_WORDS)
  memory.ring[at] = lo
  memory.ring[at + 1] = hi
  memory.ring[at + 14] = terminal
  memory.ring[at + 15] = kind
  if (kind === SlotKind.control || kind === SlotKind.more) memory.publishUnasked(1)
  else memory.publish(1, memory.hashOf(terminal | 0, lo | 0, hi | 0), terminals.find(terminal))
}

const slots = fc.array(
  fc.record({
    terminal: fc.constantFrom(1, 2, 0xffff_ffff),
    lo: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0x8000_0000, 0xffff_ffff)),
    hi: fc.constantFrom(0, 1, 0x8000_0000),
    kind: fc.constantFrom(Kind.purchase, Kind.balance, SlotKind.bar, SlotKind.control, SlotKind.more),
  }),
  { minLength: 1, maxLength: 200 },
)
/** Where sequences pass 2^32, and where they are at a sequence whose lower half is 0. */
const begins = fc.constantFrom(
  1,
  2 ** 31 - 30,
  2 ** 32 - 1,
  2 ** 32 - 40,
  2 ** 32,
  3 * 2 ** 32 - 7,
  2 ** 48 - 500,
)

describe("the memory", () => {
  it("finds the newest of each key among what is live, and nothing else, at any sequence", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 32, 64),
        begins,
        slots,
        fc.integer(),
        (capacity, begin, slots, salt) => {
          const terminals = new Terminals()
          for (const number of [1, 2, 0xffff_ffff]) terminals.add(number, 0, 0)
          const memory = new Memory(capacity, terminals, salt)
          memory.begin(begin)
          const model: Array<string | undefined> = []
          const keys = new Map<string, { terminal: number; lo: number; hi: number }>()
          for (const { terminal, lo, hi, kind } of slots) {
            const key = `${terminal} ${hi} ${lo}`
            const isKey = kind < 0x80 || kind === SlotKind.bar
            if (isKey) keys.set(key, { terminal, lo, hi })
            write(memory, terminals, terminal, lo, hi, kind)
            model.push(isKey ? key : undefined)
            expect(memory.next).toBe(begin + model.length)
            const from = Math.max(0, model.length - memory.rememberedMax)
            for (const [known, { terminal, lo, hi }] of keys) {
              const newest = model.lastIndexOf(known)
              const found = memory.find(terminal | 0, lo | 0, hi | 0)
              if (newest < from) expect(found, known).toBe(-1)
              else expect(memory.sequenceAt(found * SLOT_WORDS), known).toBe(begin + newest)
            }
          }
          // What was forgotten, and only that, is at or below its terminal's horizon.
          const gone = model.slice(0, Math.max(0, model.length - memory.rememberedMax))
          for (const [slot, number] of [1, 2, 0xffff_ffff].entries()) {
            const references = gone
              .filter((key) => key?.startsWith(`${number} `))
              .map((key) => {
                const [, hi, lo] = key!.split(" ").map(BigInt)
                return (hi << 32n) | lo
              })
            const horizon = references.reduce(greater, 0n)
            for (const reference of [
              ...references,
              horizon,
              horizon + 1n,
              horizon === 0n ? 0n : horizon - 1n,
            ]) {
              const lo = Number(reference & 0xffff_ffffn) | 0
              const hi = Number(reference >> 32n) | 0
              expect(terminals.isForgotten(slot, lo, hi)).toBe(reference <= horizon)
            }
          }
        },
      ),
      { numRuns: 250 },
    )
  })

  it("ends every look-up, whatever 2^32 sequences have left in the index", () => {
    // What was written a whole turn of the 32 bits ago looks young again: an older memory is dressed up as a younger one.
    fc.assert(
      fc.property(slots, fc.integer({ min: -20, max: 20 }), (slots, shift) => {
        const terminals = new Terminals()
        const memory = new Memory(16, terminals, 0)
        const write1 = () => {
          for (const { terminal, lo, hi } of slots) write(memory, terminals, terminal, lo, hi, Kind.purchase)
        }
        write1()
        // Its index stays, its slots are as good as gone, and the sequences begin again near where they were.
        while (memory.live > 0) memory.forget()
        memory.begin(memory.next + 2 ** 32 + shift)
        write1()
        const from = Math.max(0, slots.length - memory.rememberedMax)
        for (const { terminal, lo, hi } of slots) {
          const newest = slots.findLastIndex((s) => s.terminal === terminal && s.lo === lo && s.hi === hi)
          const found = memory.find(terminal | 0, lo | 0, hi | 0)
          if (newest < from) expect(found).toBe(-1)
          else expect(memory.sequenceAt(found * SLOT_WORDS)).toBe(memory.next - slots.length + newest)
        }
        // Keys that are nowhere walk through every line: one that went on in a circle would never end.
        for (let lo = 1_000; lo < 1_200; lo++) expect(memory.find(1, lo, 0)).toBe(-1)
      }),
      { numRuns: 200 },
    )
  })
})
