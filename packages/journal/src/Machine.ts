/** What a run takes from its machine beside storage and the clock, as one reference: a simulation gives it from a seed. */
import { randomBytes } from "node:crypto"
import { Context, Effect } from "effect"

export interface MachineShape {
  /** Bytes that nobody can guess. */
  readonly randomBytes: (count: number) => Uint8Array
  /** Calls back on a fresh stack, after what this round of the event loop brings in. */
  readonly nextRound: (then: () => void) => void
}

export class Machine extends Context.Reference<MachineShape>("journal/Machine", {
  defaultValue: () => ({
    randomBytes: (count) => randomBytes(count),
    nextRound: (then) => void setImmediate(then),
  }),
}) {}

/** Goes on after what this round of the event loop brings in. */
export const roundOf = ({ nextRound }: MachineShape): Effect.Effect<void> =>
  Effect.callback((resume) => nextRound(() => resume(Effect.void)))
