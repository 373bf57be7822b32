// Many flipped bits, one after the other, and what became of them.
import type { Random } from "../Random.ts"
import type { Written } from "./Directory.ts"
import { type Place, regionOf, type Seen, smallestOf, startedState, tryPlace } from "./Flip.ts"

export interface Outcome {
  /** By what is written there. */
  readonly regions: ReadonlyMap<string, Readonly<Record<Seen, number>>>
  readonly totals: Readonly<Record<Seen, number>>
  readonly wrong: ReadonlyArray<Place>
  /** Whole starts of the engine: refused, or with the state that was written. */
  readonly starts: { readonly refused: number; readonly right: number; readonly wrong: number }
}

export interface Plan {
  readonly positions: number
  /** So many of them, spread evenly, are tried with a whole start of the engine, too. */
  readonly starts: number
  readonly told?: (done: number) => void
}

const none = (): Record<Seen, number> => ({ start: 0, verify: 0, harmless: 0, wrong: 0 })

/** Nine of ten by bytes, so that large files have most; one of ten by files, so that small ones have some. */
const draw = (written: Written, random: Random): Place => {
  const files = [...written.disk.files()].filter(([, bytes]) => bytes.length > 0)
  const bit = random.between(0, 7)
  if (random.chance(0.1)) {
    const [path, bytes] = random.pick(files)
    return { path, at: random.between(0, bytes.length - 1), bit }
  }
  let at = random.between(0, written.bytes - 1)
  for (const [path, bytes] of files) {
    if (at < bytes.length) return { path, at, bit }
    at -= bytes.length
  }
  throw new Error("the directory is smaller than it was")
}

export const tryMany = async (written: Written, random: Random, plan: Plan): Promise<Outcome> => {
  const small = await smallestOf(written)
  const regions = new Map<string, Record<Seen, number>>()
  const totals = none()
  const wrong: Array<Place> = []
  const starts = { refused: 0, right: 0, wrong: 0 }
  const every = plan.starts === 0 ? Number.POSITIVE_INFINITY : Math.ceil(plan.positions / plan.starts)
  for (let done = 1; done <= plan.positions; done++) {
    const place = draw(written, random)
    const seen = await tryPlace(written, place, small)
    const region = regionOf(written, place)
    const counts = regions.get(region) ?? none()
    regions.set(region, counts)
    counts[seen]++
    totals[seen]++
    if (seen === "wrong") wrong.push(place)
    if (done % every === 0) {
      const state = await startedState(written, place)
      if (state === undefined) starts.refused++
      else if (state === written.state) starts.right++
      else starts.wrong++
      // What a start reads it must refuse; what it doesn't, it must not stumble over.
      if (state !== undefined && seen === "start") wrong.push(place)
    }
    plan.told?.(done)
  }
  return { regions, totals, wrong, starts }
}
