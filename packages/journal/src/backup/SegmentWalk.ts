/** One segment from its first block to where no whole block follows. */
import { Effect } from "effect"
import { type Block, SegmentCursor, type Step, segmentPath } from "../cursor.ts"
import type { BlockHeader } from "../format.ts"
import type { SegmentInfo } from "../recover.ts"
import type { StorageShape } from "../Storage.ts"

/** What stands where no whole block does. */
export type Ending = Exclude<Step, { readonly kind: "block" | "more" }> | { readonly kind: "stopped" }

export interface Walked {
  readonly info: SegmentInfo
  /** Where it was begun, when that wasn't the beginning. */
  readonly start: { readonly at: number; readonly header: BlockHeader } | undefined
  readonly blocks: number
  /** Last sequence; the one before its first where it holds no block. */
  readonly last: number
  /** Byte after the last block, without an end mark. */
  readonly end: number
  /** Times of its first and last block, ms since the epoch; those of the header where there is no block. */
  readonly from: number
  readonly to: number
  /** Tag of its last block. */
  readonly tag: Uint8Array
  readonly ending: Ending
  /** A cursor at the ending: what it says of a place is said with file and byte. */
  readonly cursor: SegmentCursor
}

/** The block's header, where that much of the ending is sound. */
export const headerOf = (ending: Ending): BlockHeader | undefined =>
  ending.kind === "bad" ? ending.header : undefined

/**
 * Authenticates every block. Stops when `each` says false, with that block as not walked. From `start`, which is taken on
 * trust, it goes on beyond a place that is damaged.
 */
export const walkSegment = Effect.fnUntraced(function* (
  storage: StorageShape,
  info: SegmentInfo,
  each: (block: Block) => boolean = () => true,
  start?: Walked["start"],
) {
  const file = yield* Effect.acquireRelease(
    storage.open(segmentPath(info.name), { readOnly: true }),
    (opened) => opened.close,
  )
  const cursor = new SegmentCursor(info.name, info.header, info.secrets, info.end)
  if (start !== undefined) {
    const { number, first, previousTag, epoch } = start.header
    Object.assign(cursor, { at: start.at, number, first, tag: Buffer.from(previousTag), epoch })
  }
  let blocks = 0
  let to = info.header.created
  let end = cursor.at
  let tag = cursor.tag
  let last = cursor.first - 1
  yield* cursor.refill(file)
  while (true) {
    const step = cursor.next()
    if (step.kind === "more") {
      yield* cursor.refill(file)
      continue
    }
    if (step.kind !== "block" || !each(step.block)) {
      const ending: Ending = step.kind === "block" ? { kind: "stopped" } : step
      const walked: Walked = {
        info,
        start,
        blocks,
        last,
        end,
        from: info.header.created,
        to,
        tag,
        ending,
        cursor,
      }
      return walked
    }
    blocks++
    to = step.block.time
    end = cursor.at
    tag = cursor.tag
    last = cursor.first - 1
  }
}, Effect.scoped)
