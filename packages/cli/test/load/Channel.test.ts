import { FRAME_LENGTH_FIELD_BYTES } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MessageReader } from "../../src/load/Channel.ts"

const Opcode = { binary: 2, ping: 9 } as const

/** A server's frame: not masked. */
const serverFrame = (opcode: number, payload: Uint8Array): Buffer => {
  const { length } = payload
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10)
  head[0] = 0x80 | opcode
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

describe("the load's WebSocket", () => {
  it("gives the messages as a stream of frames, however the bytes are split, and answers pings", () => {
    const message = fc.record({
      opcode: fc.constantFrom(Opcode.binary, Opcode.binary, Opcode.ping),
      length: fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 65_535, 65_536, 131_080)),
    })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 8 }),
        (messages, splits) => {
          const payloads = messages.map(({ opcode, length }, index) => ({
            opcode,
            payload: Buffer.alloc(opcode === Opcode.ping ? length % 126 : length, index + 1),
          }))
          const stream = Buffer.concat(payloads.map(({ opcode, payload }) => serverFrame(opcode, payload)))
          const got: Array<Buffer> = []
          let pings = 0
          const reader = new MessageReader((chunk) => got.push(Buffer.from(chunk)), {
            ping: () => void pings++,
            close: () => {},
          })
          for (let at = 0, split = 0; at < stream.length; split++) {
            const end = at + splits[split % splits.length]
            reader.push(stream.subarray(at, end))
            at = end
          }
          const expected = payloads
            .filter(({ opcode }) => opcode === Opcode.binary)
            .flatMap(({ payload }) => {
              const length = Buffer.alloc(FRAME_LENGTH_FIELD_BYTES)
              length.writeUInt32LE(payload.length)
              return [length, payload]
            })
          expect(Buffer.concat(got).equals(Buffer.concat(expected))).toBe(true)
          expect(pings).toBe(payloads.length - expected.length / 2)
        },
      ),
      { numRuns: 60 },
    )
  })
})
