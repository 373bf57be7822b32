/** Reads blocks back in order, from any sequence, also while others are being appended. */
import { Effect } from "effect"
import { type Block, damagedSegment, SegmentCursor, segmentPath } from "./cursor.ts"
import { type JournalError, PositionUnavailable } from "./JournalError.ts"
import type { SegmentInfo } from "./recover.ts"
import type { StorageShape } from "./Storage.ts"
import { sameBytes } from "./seal.ts"

/** What a reader needs to see of the journal; it changes as blocks are appended and segments released. */
export interface Readable {
  readonly segments: ReadonlyArray<SegmentInfo>
  readonly last: number
}

/** Gives the next each time it is run, `null` at the end. Nothing is held open between, so it may be dropped at any time. */
export type Pull<A> = Effect.Effect<A | null, JournalError>

const ended: Pull<never> = Effect.succeed(null)

/**
 * The blocks that hold `from` to `to`, whole. `to` must be durable already, so nothing on its way is ever
 * looked at. Blocks before `from` in the same segment are walked over without being decrypted.
 */
export const readBlocks = (
  storage: StorageShape,
  journal: Readable,
  from: number,
  to: number,
): Effect.Effect<Pull<Block>, PositionUnavailable> =>
  Effect.suspend(() => {
    const first = journal.segments[0]?.header.first ?? journal.last + 1
    // One past the end is the empty rest, so that a caller who has everything need not ask first.
    if (from < first || from > journal.last + 1 || to > journal.last) {
      return Effect.fail(new PositionUnavailable({ from, first, last: journal.last }))
    }
    const start = journal.segments.find((segment) => segment.last >= from)
    if (to < from || start === undefined) return Effect.succeed(ended)
    return Effect.succeed(new BlockReader(storage, journal, start, from, to).pull)
  })

class BlockReader {
  readonly #storage: StorageShape
  readonly #journal: Readable
  readonly #from: number
  readonly #to: number
  #segment: SegmentInfo
  #cursor: SegmentCursor
  #done = false

  constructor(storage: StorageShape, journal: Readable, segment: SegmentInfo, from: number, to: number) {
    this.#storage = storage
    this.#journal = journal
    this.#segment = segment
    this.#from = from
    this.#to = to
    this.#cursor = this.#cursorOf(segment)
  }

  #cursorOf({ name, header, secrets, end }: SegmentInfo): SegmentCursor {
    return new SegmentCursor(name, header, secrets, end, this.#from)
  }

  readonly pull: Pull<Block> = Effect.suspend(() => {
    if (this.#done) return ended
    const cursor = this.#cursor
    while (true) {
      const step = cursor.next()
      switch (step.kind) {
        case "block": {
          const { block } = step
          const end = block.first + block.count
          if (end <= this.#from) continue
          this.#done = end > this.#to
          return Effect.succeed(block)
        }
        case "more":
          return Effect.andThen(this.#refill, this.pull)
        case "bad":
          return Effect.fail(cursor.refuse(step.reason))
        case "version":
          return Effect.fail(cursor.unsupported(step.found))
        default:
          return Effect.andThen(this.#join(cursor), this.pull)
      }
    }
  })

  readonly #refill = Effect.suspend(() =>
    Effect.acquireUseRelease(
      this.#storage.open(segmentPath(this.#segment.name), { readOnly: true }),
      (file) => this.#cursor.refill(file),
      (file) => file.close,
    ),
  )

  /** Goes on with the segment that follows, which must begin where this one ended. */
  #join(cursor: SegmentCursor): Effect.Effect<void, JournalError> {
    const next = this.#journal.segments.find((s) => s.header.number === this.#segment.header.number + 1)
    if (next === undefined)
      return Effect.fail(cursor.refuse("the journal ends here, before its last sequence"))
    const { name, header } = next
    if (header.first !== cursor.first) {
      const reason = `the next segment begins with sequence ${header.first}`
      return Effect.fail(damagedSegment(this.#segment.name, cursor.at, cursor.first, reason))
    }
    if (!sameBytes(header.previousTag, cursor.tag) || header.epoch < cursor.epoch) {
      const reason = "it doesn't follow the segment before it (chain)"
      return Effect.fail(damagedSegment(name, 0, cursor.first, reason))
    }
    this.#segment = next
    this.#cursor = this.#cursorOf(next)
    return Effect.void
  }
}
