// What is to be said, and done, where a directory lacks segments that its snapshots show there were.
import { type Held, type MissingSequences, missingText } from "@millrace/journal"

/** A start begins from the newest snapshot, or from the first decision: one that only an older one needs doesn't hinder it. */
export const hindersStart = ({ neededBy }: MissingSequences, snapshots: ReadonlyArray<number>): boolean =>
  neededBy === (snapshots.at(-1) ?? 0)

/** What is missing, a line each, and then what to do. @param snapshots their positions, oldest first */
export const missingLines = (
  missing: ReadonlyArray<MissingSequences>,
  { first, last }: Held,
  snapshots: ReadonlyArray<number>,
): ReadonlyArray<string> => [
  ...missing.map((one) => missingText(one, { first, last })),
  missing.some((one) => hindersStart(one, snapshots))
    ? "`millrace serve` refuses to start on it: restore a backup (`millrace restore`), or see with `millrace journal repair` what could be saved without one"
    : "a start doesn't need them, since it begins from the newest snapshot: take a backup now; `millrace journal repair` takes the older snapshot away",
]
