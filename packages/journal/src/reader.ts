/** Reads blocks back in order, from any sequence, also while others are being appended. */
import { Effect } from "effect"
import { type Block, damagedSegment, SegmentCursor, segmentPath } from "./cursor.ts"
import { type JournalError, PositionUnavailable } from "./JournalError.ts"
import type { ReadAhead } from "./ReadAhead.ts"
import type { SegmentInfo } from "./recover.ts"
import type { StorageShape } from "./Storage.ts"
import { sameBytes } from "./seal.ts"
import { asItComes, type Opening, type Pull, pullOf, refused, type Walk, type WalkStep } from "./Walk.ts"

/** What a reader needs to see of the journal; it changes as blocks are appended and segments released. */
export interface Readable {
  readonly segments: ReadonlyArray<SegmentInfo>
  readonly last: number
}

/**
 * The blocks that hold `from` to `to`, whole. `to` must be durable already, so nothing on its way is ever
 * looked at. Blocks before `from` in the same segment are walked over without being decrypted. With `ahead` they are read on
 * and opened while those before are used.
 */
export const readBlocks = (
  storage: StorageShape,
  journal: Readable,
  from: number,
  to: number,
  ahead?: ReadAhead,
): Effect.Effect<Pull<Block>, PositionUnavailable> =>
  Effect.suspend(() => {
    const first = journal.segments[0]?.header.first ?? journal.last + 1
    // One past the end is the empty rest, so that a caller who has everything need not ask first.
    if (from < first || from > journal.last + 1 || to > journal.last) {
      return Effect.fail(new PositionUnavailable({ from, first, last: journal.last }))
    }
    const start = journal.segments.find((segment) => segment.last >= from)
    if (to < from || start === undefined) return Effect.succeed(Effect.succeed(null))
    const walk = (opening: Opening) => new BlockWalk(storage, journal, start, from, to, opening)
    return ahead === undefined ? Effect.succeed(pullOf(walk(asItComes))) : ahead.pullOf(walk)
  })

class BlockWalk implements Walk<Block> {
  readonly #storage: StorageShape
  readonly #journal: Readable
  readonly #from: number
  readonly #to: number
  readonly #opening: Opening
  #segment: SegmentInfo
  #cursor: SegmentCursor
  #done = false

  constructor(
    storage: StorageShape,
    journal: Readable,
    segment: SegmentInfo,
    from: number,
    to: number,
    opening: Opening,
  ) {
    this.#storage = storage
    this.#journal = journal
    this.#segment = segment
    this.#from = from
    this.#to = to
    this.#opening = opening
    this.#cursor = this.#cursorOf(segment)
  }

  #cursorOf({ name, header, secrets, end }: SegmentInfo): SegmentCursor {
    return new SegmentCursor(name, header, secrets, end, this.#from, this.#opening)
  }

  next(): WalkStep<Block> {
    while (!this.#done) {
      const cursor = this.#cursor
      const step = cursor.next()
      switch (step.kind) {
        case "block": {
          const { block } = step
          const end = block.first + block.count
          if (end <= this.#from) continue
          this.#done = end > this.#to
          return { kind: "item", item: block }
        }
        case "more":
          return step
        case "bad":
          return refused(cursor.refuse(step.reason))
        case "version":
          return refused(cursor.unsupported(step.found))
        default: {
          const error = this.#join(cursor)
          if (error !== undefined) return refused(error)
        }
      }
    }
    return { kind: "end" }
  }

  readonly refill = Effect.suspend(() =>
    Effect.acquireUseRelease(
      this.#storage.open(segmentPath(this.#segment.name), { readOnly: true }),
      (file) => this.#cursor.refill(file),
      (file) => file.close,
    ),
  )

  /** Goes on with the segment that follows, which must begin where this one ended. */
  #join(cursor: SegmentCursor): JournalError | undefined {
    const next = this.#journal.segments.find((s) => s.header.number === this.#segment.header.number + 1)
    if (next === undefined) return cursor.refuse("the journal ends here, before its last sequence")
    const { name, header } = next
    if (header.first !== cursor.first) {
      const reason = `the next segment begins with sequence ${header.first}`
      return damagedSegment(this.#segment.name, cursor.at, cursor.first, reason)
    }
    if (!sameBytes(header.previousTag, cursor.tag) || header.epoch < cursor.epoch) {
      const reason = "it doesn't follow the segment before it (chain)"
      return damagedSegment(name, 0, cursor.first, reason)
    }
    this.#segment = next
    this.#cursor = this.#cursorOf(next)
    return undefined
  }
}
