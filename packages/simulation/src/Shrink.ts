/** A failing run made smaller: fewer faults, fewer clients, fewer steps, as long as something is still violated. */
import { type Fault, faultNames } from "./Faults.ts"
import { type SimulationOptions, type SimulationResult, simulate } from "./Simulation.ts"

export interface Shrunk {
  readonly options: SimulationOptions
  readonly result: SimulationResult
  readonly runs: number
}

/**
 * The same violation is not asked for: the smallest run that fails at all is the easiest to read. `onTried` hears of each run.
 */
export const shrink = async (
  seed: number,
  failing: SimulationOptions,
  onTried: (options: SimulationOptions, failed: boolean) => void = () => {},
): Promise<Shrunk> => {
  let options = failing
  let result = await simulate(seed, options)
  let runs = 1
  const attempt = async (candidate: SimulationOptions): Promise<boolean> => {
    const tried = await simulate(seed, candidate)
    runs++
    const failed = tried.violation !== undefined
    onTried(candidate, failed)
    if (failed) {
      options = candidate
      result = tried
    }
    return failed
  }
  if (result.violation === undefined) return { options, result, runs }
  for (let smaller = true; smaller; ) {
    smaller = false
    for (const fault of present(result)) {
      if (await attempt({ ...options, without: new Set([...options.without, fault]) })) smaller = true
    }
    while (options.clients > 1 && (await attempt({ ...options, clients: options.clients - 1 })))
      smaller = true
    for (let cut = Math.floor(options.steps / 2); cut >= 1; cut = Math.floor(cut / 2)) {
      while (options.steps > cut && (await attempt({ ...options, steps: options.steps - cut })))
        smaller = true
    }
  }
  return { options, result, runs }
}

const present = ({ faults }: SimulationResult): ReadonlyArray<Fault> =>
  faultNames.filter((name) => faults.includes(name))
