/** What is not there of what the snapshots of a directory need: segments that something, or somebody, took away. */

/** The first sequence that a start from a snapshot reads. @param window sequences up to its position that it remembers */
export const neededFrom = (position: number, window: number): number => Math.max(1, position + 1 - window)

/** Sequences that no segment holds, though something else shows that there were some. */
export interface MissingSequences {
  readonly first: number
  readonly last: number
  /** Position of the snapshot that needs them; 0 when there is none, and a start would need the first decision. */
  readonly neededBy: number
}

/** What the journal holds: `first` is `last + 1` when that is nothing. */
export interface Held {
  readonly first: number
  readonly last: number
}

/**
 * Without gaps inside of the journal, which opening it finds. What is before all that a snapshot needs was let go of and is
 * not missing; what is after the newest snapshot nobody can know of. One for each snapshot, in their order.
 */
export const missingSequences = (
  { first, last }: Held,
  snapshots: ReadonlyArray<number>,
  window: number,
): ReadonlyArray<MissingSequences> => {
  if (snapshots.length === 0)
    return first > 1 && last >= first ? [{ first: 1, last: first - 1, neededBy: 0 }] : []
  return snapshots.flatMap((position): ReadonlyArray<MissingSequences> => {
    const needed = neededFrom(position, window)
    // A journal that is there went on to the snapshot; of one that isn't only what a start reads is known to have been.
    if (position > last) return [{ first: last > 0 ? last + 1 : needed, last: position, neededBy: position }]
    return needed < first ? [{ first: needed, last: first - 1, neededBy: position }] : []
  })
}

/** Which are missing, and how that is known. */
export const missingText = ({ first, last, neededBy }: MissingSequences, held: Held): string => {
  const which = first === last ? `sequence ${first} is missing` : `sequences ${first} to ${last} are missing`
  const from = `${which} from the journal`
  const end = held.last === 0 ? "is empty" : `ends at ${held.last}`
  if (neededBy === 0) return `${from}: it begins at ${held.first}, and there is no snapshot`
  if (neededBy > held.last) return `${from}: the snapshot at ${neededBy} is ahead of it, and it ${end}`
  return `${from}: a start from the snapshot at ${neededBy} reads them, and it begins at ${held.first}`
}
