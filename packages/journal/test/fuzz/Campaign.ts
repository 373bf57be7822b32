/** Inputs from one seed after the other, until one is not as it must be. */
import type { Bases } from "./Bases.ts"
import { check, type Verdict } from "./Check.ts"
import { mutate } from "./Mutations.ts"
import { Random } from "./Random.ts"

export interface Failure {
  readonly seed: number
  readonly said: string
  readonly reason: string
}

export const campaign = async (
  { bases, histories }: Bases,
  seed: number,
  inputs: number,
  over: () => boolean = () => false,
) => {
  const tally: Record<Verdict, number> = { refused: 0, whole: 0, prefix: 0 }
  let tried = 0
  for (; tried < inputs && !over(); tried++) {
    const random = new Random(seed + tried)
    const { disk, said } = mutate(random, bases)
    try {
      tally[await check(disk, histories, random.chance(2) ? "tail" : "all")]++
    } catch (error) {
      const failure: Failure = { seed: seed + tried, said, reason: String(error) }
      return { tally, tried: tried + 1, failure }
    }
  }
  return { tally, tried, failure: undefined }
}
