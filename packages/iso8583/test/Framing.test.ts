// Frames out of streams that are split anyhow, lie, or are not taken: the same messages, or one typed end.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  FRAMING_HELD_BYTES_MAX,
  FramingReader,
  framings,
  ISO_MESSAGE_BYTES_MAX,
  IsoProblem,
  isoFrame,
  TPDU_BYTES,
  turnedTpdu,
} from "../src/index.ts"

const tpdu = Uint8Array.of(0x60, 1, 2, 3, 4)
const tpduOf = (framing: string): Uint8Array | undefined => (framing === "binary2-tpdu" ? tpdu : undefined)

const taken = (reader: FramingReader): Array<Uint8Array> => {
  const out: Array<Uint8Array> = []
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    if (frame instanceof IsoProblem) throw new Error(frame.message)
    out.push(frame.bytes)
  }
  return out
}

for (const framing of framings) {
  describe(framing, () => {
    it("gives the same messages however the stream is split, and keeps nothing", () => {
      const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 })
      fc.assert(
        fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 97 })), (sent, sizes) => {
          const stream = Buffer.concat(sent.map((bytes) => isoFrame(framing, bytes, tpduOf(framing))))
          const reader = new FramingReader(framing)
          const got: Array<Uint8Array> = []
          for (let at = 0; at < stream.length; ) {
            const size = sizes.next().value ?? 1
            const chunk = new Uint8Array(stream.subarray(at, at + size))
            reader.push(chunk)
            chunk.fill(0xee)
            got.push(...taken(reader))
            at += size
          }
          expect(got).toEqual(sent)
          expect(reader.heldBytes).toBe(0)
          expect(reader.midFrame).toBe(false)
        }),
        { numRuns: 100 },
      )
    })

    it("takes the longest message, and not one byte more", () => {
      const bytes = new Uint8Array(ISO_MESSAGE_BYTES_MAX).fill(7)
      const reader = new FramingReader(framing)
      reader.push(isoFrame(framing, bytes, tpduOf(framing)))
      expect(taken(reader)).toEqual([bytes])
      expect(() => isoFrame(framing, new Uint8Array(ISO_MESSAGE_BYTES_MAX + 1), tpduOf(framing))).toThrow(
        RangeError,
      )
      const over = ISO_MESSAGE_BYTES_MAX + 1 + (framing === "binary2-tpdu" ? TPDU_BYTES : 0)
      reader.push(framing === "ascii4" ? Buffer.from(String(over)) : Uint8Array.of(over >> 8, over & 0xff))
      expect(reader.next()).toMatchObject({ code: "bad-frame" })
      reader.push(isoFrame(framing, bytes, tpduOf(framing)))
      expect(reader.next()).toMatchObject({ code: "bad-frame" })
      expect(reader.heldBytes).toBe(0)
    })

    it("passes over frames of length 0", () => {
      const reader = new FramingReader(framing)
      const idle = framing === "ascii4" ? Buffer.from("0000") : new Uint8Array(2)
      reader.push(Buffer.concat([idle, idle, isoFrame(framing, Uint8Array.of(1), tpduOf(framing)), idle]))
      expect(taken(reader)).toEqual([Uint8Array.of(1)])
    })

    it("ends when what nobody takes grows beyond its limit", () => {
      const reader = new FramingReader(framing)
      const frame = isoFrame(framing, new Uint8Array(1_000), tpduOf(framing))
      let pushed = 0
      while (pushed + frame.length <= FRAMING_HELD_BYTES_MAX) {
        reader.push(frame)
        pushed += frame.length
      }
      expect(reader.heldBytes).toBe(pushed)
      reader.push(frame)
      expect(reader.next()).toMatchObject({ code: "bad-frame" })
    })
  })
}

it("a TPDU comes with its message and is turned round", () => {
  const reader = new FramingReader("binary2-tpdu")
  reader.push(isoFrame("binary2-tpdu", Uint8Array.of(9), tpdu))
  const frame = reader.next()
  if (frame === undefined || frame instanceof IsoProblem) throw new Error("no frame")
  expect(frame.tpdu).toEqual(tpdu)
  expect(turnedTpdu(tpdu)).toEqual(Uint8Array.of(0x60, 3, 4, 1, 2))
  expect(() => isoFrame("binary2-tpdu", Uint8Array.of(9))).toThrow(RangeError)
  expect(() => isoFrame("binary2", Uint8Array.of(9), tpdu)).toThrow(RangeError)
})

it("a length that is no number, or less than a TPDU's, ends the stream", () => {
  const digits = new FramingReader("ascii4")
  digits.push(Buffer.from("00x1"))
  expect(digits.next()).toMatchObject({ code: "bad-frame" })
  const short = new FramingReader("binary2-tpdu")
  short.push(Uint8Array.of(0, 4, 1, 2, 3, 4))
  expect(short.next()).toMatchObject({ code: "bad-frame" })
})
