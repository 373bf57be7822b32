/** What the lane has answered, and what its fibers do beside it, in plain numbers that a scrape reads. */
import { OutcomeFlag } from "@millrace/protocol"

/** Upper bounds, in ms, of the buckets in which commits are counted; the last bucket has none. */
export const commitMsBuckets: ReadonlyArray<number> = [0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1000]

export class Tally {
  /** Answers by response code (index), repeats of a first answer not among them. */
  readonly responses = new Float64Array(128)
  duplicates = 0
  blocks = 0
  slots = 0
  commitMsSum = 0
  readonly commitMs = new Float64Array(commitMsBuckets.length + 1)
  restarts = 0
  /** Commands that wait for their turn or for the disk. */
  commandsPending = 0
  /** Snapshots that were written and read back, and attempts that came to nothing or could not let go of older ones. */
  snapshots = 0
  snapshotFailures = 0
  /** Journal sequence of the newest, 0 when there is none; how long the last one that was taken here took, 0 before it. */
  snapshotPosition = 0
  snapshotSeconds = 0
  snapshotRunning = false

  snapshotTaken(position: number, ms: number): void {
    this.snapshots++
    this.snapshotPosition = position
    this.snapshotSeconds = ms / 1_000
  }

  /** @param word the outcome's word with the response code in its lower half and the flags in its upper */
  answered(word: number): void {
    if ((word >>> 16) & OutcomeFlag.duplicate) this.duplicates++
    else this.responses[word & 0x7f]++
  }

  committed(slots: number, ms: number): void {
    this.blocks++
    this.slots += slots
    this.commitMsSum += ms
    let bucket = 0
    while (bucket < commitMsBuckets.length && ms > commitMsBuckets[bucket]) bucket++
    this.commitMs[bucket]++
  }
}
