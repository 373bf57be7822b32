// The native protocol under the same fire: frames, messages and the schemas behind them.
import {
  BATCH_RECORDS_MAX,
  batchFrame,
  FrameReader,
  messageFrame,
  packMessage,
  RECORD_BYTES,
  unpackMessage,
} from "@millrace/protocol"
import { decodeRequest } from "@millrace/protocol/messages"
import { Result } from "effect"
import type { Target } from "./isoTargets.ts"
import { mutated } from "./mutate.ts"

const requests = [
  { type: "echo" },
  {
    type: "transact",
    kind: "purchase",
    reference: 1n << 40n,
    card: 4_000_001n,
    amount: 100,
    currency: 978,
    terminal: 7,
  },
  { type: "merchant", number: 5, name: "Shop", currency: 978, feeBasisPoints: 20 },
  { type: "terminals", first: 1, count: 100, merchant: 5 },
  { type: "cards", first: 4_000_000_000_000_000n, count: 10, currency: 978, openingBalance: 500 },
  { type: "host", id: "acquirer", terminals: [[1, 5]], permissions: ["transact"] },
  { type: "pin", card: 4_000_000n, pin: new Uint8Array(16).fill(3) },
  { type: "nothing", deep: [[[[[[1]]]]]], wide: { a: null, b: "x".repeat(200) } },
].map((request) => packMessage(request))

const messages: Target = {
  name: "native messages",
  run: (random) => {
    const bytes = mutated({ bytes: random.of(requests), lengthsAt: [] }, random)
    const unpacked = unpackMessage(bytes)
    return unpacked.ok && Result.isSuccess(decodeRequest(unpacked.value))
  },
}

const frames: Target = {
  name: "native frames",
  run: (random) => {
    const parts = Array.from({ length: 1 + random.below(3) }, () => {
      const bytes =
        random.below(2) === 0
          ? messageFrame(random.of(requests), random.below(1_000))
          : batchFrame(random.bytes((1 + random.below(3)) * RECORD_BYTES), RECORD_BYTES, random.below(1_000))
      return random.below(3) === 0 ? bytes : mutated({ bytes, lengthsAt: [] }, random)
    })
    let taken = 0
    const reader: FrameReader = new FrameReader(RECORD_BYTES, {
      units: (_, __, count) => {
        if (count > BATCH_RECORDS_MAX) throw new Error("more units than a frame has")
        const some = random.below(4) === 0 ? random.below(count + 1) : count
        taken += some
        return some
      },
      message: () => {
        taken++
      },
    })
    let error = null as ReturnType<FrameReader["push"]>
    for (const part of parts) {
      const middle = random.below(part.length + 1)
      for (const chunk of [part.subarray(0, middle), part.subarray(middle)]) {
        error = reader.push(chunk) ?? reader.resume()
        if (error !== null) return taken > 0
      }
    }
    return taken > 0
  },
}

export const nativeTargets = (): ReadonlyArray<Target> => [messages, frames]
