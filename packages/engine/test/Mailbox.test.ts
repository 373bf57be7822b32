import { RECORD_BYTES, RECORD_WORDS } from "@millrace/protocol"
import fc from "fast-check"
import { expect, it } from "vitest"
import { Mailbox } from "../src/Mailbox.ts"

it("gives back what was put in, in order, from any byte offset, and is full at its capacity", () => {
  const step = fc.oneof(fc.record({ put: fc.nat(7), at: fc.nat(70) }), fc.constant("take" as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const mailbox = new Mailbox(8)
      const model: Array<{ bytes: Uint8Array; seat: number }> = []
      let filler = 0
      for (const step of steps) {
        if (step === "take") {
          const expected = model.shift()
          if (expected === undefined) continue
          const slot = mailbox.take()
          const words = mailbox.words.slice(slot * RECORD_WORDS, (slot + 1) * RECORD_WORDS)
          expect(new Uint8Array(words.buffer)).toEqual(expected.bytes)
          expect(mailbox.seats[slot]).toBe(expected.seat)
        } else if (!mailbox.full) {
          const chunk = Uint8Array.from({ length: 200 }, () => (filler = (filler * 31 + 7) & 0xff))
          mailbox.push(new DataView(chunk.buffer), step.at, step.put)
          model.push({ bytes: chunk.slice(step.at, step.at + RECORD_BYTES), seat: step.put })
        }
        expect(mailbox.count).toBe(model.length)
        expect(mailbox.full).toBe(model.length === 8)
      }
    }),
  )
})
