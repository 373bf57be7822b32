/** Spreads a snapshot out, so that terminals do not notice it: a disk and a thread are shared with their traffic. */
import { Machine, type Pace, roundOf } from "@millrace/journal"
import { Effect } from "effect"

/** What is less is not waited for. */
const bytesAtOnce = 1 << 20
/** However quiet it is, so many bytes every so many milliseconds: 24 MiB a second. */
const stepBytes = 120 << 10
const stepMs = 5

export interface Spreading {
  /** Of the image, about; they are worked at twice, written and read back. */
  readonly bytes: number
  /** Slots since the image was frozen, and at how many of them it should be whole. */
  readonly slots: () => number
  readonly slotsMax: number
  /** Somebody waits for its end. */
  readonly isAwaited: () => boolean
}

/** At the rate of the quiet, and faster where it would not be whole by `slotsMax`. */
export const spread = ({ bytes, slots, slotsMax, isAwaited }: Spreading): Effect.Effect<Pace> =>
  Effect.map(Machine, (machine) => {
    const round = roundOf(machine)
    let done = 0
    let allowed = bytesAtOnce
    const go: Effect.Effect<void> = Effect.suspend(() => {
      const due = Math.max(allowed, (slots() / slotsMax) * 2 * bytes)
      if (done <= due || isAwaited()) return round
      // From where it is: what the slots hurried is not waited for again.
      allowed = Math.max(allowed, done - bytesAtOnce) + stepBytes
      return Effect.andThen(Effect.sleep(stepMs), go)
    })
    return (bytes) => {
      done += bytes
      return go
    }
  })
