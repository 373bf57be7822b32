/** A new data key for the running engine: the journal begins a segment under it with the next block. */
import type { KeyRingShape } from "@millrace/journal"
import { Effect } from "effect"
import type { Answer } from "./answer.ts"

/** Nothing was changed when it fails: the ring is replaced whole or not at all, and the key of before is there still. */
export const rotateDataKey = (keyRing: KeyRingShape): Answer =>
  Effect.suspend(() => {
    const before = keyRing.current.id
    return keyRing.rotate.pipe(
      Effect.map(({ id }) => ({ type: "rotate-data-key.ok", keyId: id, before })),
      Effect.mapError(({ message }) => ({ code: "conflict", message })),
    )
  })
