// What must be found in a data directory that an earlier program wrote.
import type { Facts } from "./Room.ts"

/** A request that was decided and is remembered, and its outcome: asked again it must come again. */
export interface Repeat {
  readonly record: string
  readonly outcome: string
}

export interface Expected {
  /** Where the clock stood at the end, ms. */
  readonly time: number
  readonly facts: Facts
  readonly repeats: ReadonlyArray<Repeat>
}
