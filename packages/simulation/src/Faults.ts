/** Every fault that there is, by the name with which it is switched off and found in a trace. */

export interface FaultKind {
  readonly says: string
  /** How many seeds of a hundred know it. */
  readonly percent: number
  /** How often it is drawn beside the others that come by the clock; 0: it comes with something else. */
  readonly weight: number
}

const of = (says: string, percent: number, weight: number): FaultKind => ({ says, percent, weight })

export const faultKinds = {
  delay: of("bytes that take long on their way", 60, 6),
  cut: of("a connection that is reset, with what was on its way", 60, 6),
  lose: of("a connection that carries nothing any more and tells nobody", 40, 2),
  duplicate: of("a batch of records that arrives twice", 60, 5),
  "lost-answer": of("a connection that is reset when an answer is about to arrive", 60, 6),
  "slow-reader": of("a client that does not read for a while", 40, 3),
  overload: of("many records at once, more than mailboxes hold", 50, 4),
  clock: of("a wall clock that steps forward or back, the server's or a client's", 50, 4),
  defect: of("a decision that throws", 40, 4),
  kill: of("the server's process ends between two steps; what it wrote is there", 60, 5),
  power: of("the machine loses its power; of what was not synced any sectors are there", 60, 5),
  "crash-at-disk": of("the same at one operation of the disk, before or after it", 60, 5),
  "recovery-crash": of("the same while the server starts", 40, 0),
  "client-crash": of("a terminal ends between two steps, and starts again with its file", 40, 4),
  "slow-disk": of("writes and syncs that take up to a second", 40, 3),
  "write-error": of("a write that fails, having written some of its sectors", 30, 2),
  "sync-error": of("a sync that fails, and what it was to write may be gone", 30, 2),
  full: of("no space for a while: what would make a file longer fails", 25, 2),
  "lost-write": of("a write that is said to be done and is not", 8, 3),
  "lying-sync": of("a sync that is said to be done and is not", 8, 3),
  misplaced: of("a write that goes to another place of the file", 8, 3),
  rot: of("bits that flip in files at rest", 8, 0),
} as const satisfies { readonly [name: string]: FaultKind }

export type Fault = keyof typeof faultKinds

// The keys of an object that has no others.
export const faultNames = Object.keys(faultKinds) as ReadonlyArray<Fault>

export const isFault = (name: string): name is Fault => name in faultKinds
