import fc from "fast-check"
import { expect, it } from "vitest"
import { batchFrame, eachMessage, FRAME_LENGTH_FIELD_BYTES, messageFrame } from "../src/index.ts"

it("eachMessage hands over every frame of several without its length", () => {
  const frame = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((payload) => messageFrame(payload, 7)),
    fc.integer({ min: 1, max: 9 }).map((count) => batchFrame(new Uint8Array(count * 64).fill(count), 64, 0)),
  )
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), (frames) => {
      const messages: Array<Uint8Array> = []
      eachMessage(Buffer.concat(frames), (message) => messages.push(Uint8Array.from(message)))
      expect(messages).toEqual(
        frames.map((whole) => Uint8Array.from(whole.subarray(FRAME_LENGTH_FIELD_BYTES))),
      )
    }),
  )
})
