// `millrace simulate`: seed after seed, until one fails, the number is reached or the time is up.
import {
  defaultSimulation,
  type Fault,
  faultKinds,
  faultNames,
  isFault,
  type SimulationOptions,
  type SimulationResult,
  shrink,
  simulate,
} from "@millrace/simulation"
import { Effect } from "effect"
import { PROGRAM, print, progress, progressEnds, say } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"

export interface SimulateCommand {
  readonly seed: number
  readonly seeds: number
  readonly minutes: number | undefined
  readonly steps: number | undefined
  readonly clients: number | undefined
  readonly without: string | undefined
  readonly shrink: boolean
  readonly trace: boolean
  readonly faults: boolean
  readonly json: boolean
}

const progressEveryMs = 2_000
const clientsMax = 8

/** What many runs come to. */
interface Sum {
  seeds: number
  destroyed: number
  answers: number
  slots: number
  starts: number
  simulatedMs: number
}

/** Ends with exit code 1 and the command that repeats it when a run fails. */
export const simulateSeeds = Effect.fnUntraced(function* (command: SimulateCommand) {
  if (command.faults) {
    const width = Math.max(...faultNames.map((name) => name.length))
    for (const name of faultNames) print(`${name.padEnd(width)}  ${faultKinds[name].says}`)
    return
  }
  const options = yield* optionsOf(command)
  const began = performance.now()
  const sum: Sum = { seeds: 0, destroyed: 0, answers: 0, slots: 0, starts: 0, simulatedMs: 0 }
  const msMax = (command.minutes ?? Number.POSITIVE_INFINITY) * 60_000
  const last = command.seeds === 0 ? Number.POSITIVE_INFINITY : command.seed + command.seeds - 1
  let toldAt = began
  let one: { readonly seed: number; readonly trace: string } | undefined
  for (let seed = command.seed; seed <= last && performance.now() - began < msMax; seed++) {
    const result = yield* Effect.promise(() => simulate(seed, options))
    // Signals are heard between two runs.
    yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
    for (const line of result.trace) print(line)
    add(sum, result)
    if (result.violation !== undefined) {
      progressEnds()
      return yield* failed(command, options, result)
    }
    if (performance.now() - toldAt > progressEveryMs && !command.trace) {
      toldAt = performance.now()
      progress(`${sum.seeds} seeds, up to ${seed}, ${rate(sum, began)}`)
    }
    if (command.seeds === 1 && !command.json) tellRun(result)
    if (command.seeds === 1) one = { seed, trace: result.digest }
  }
  progressEnds()
  const seconds = (performance.now() - began) / 1_000
  if (command.json)
    print(JSON.stringify({ ...one, ...sum, violations: 0, seconds: Math.round(seconds * 10) / 10 }))
  else if (command.seeds !== 1) {
    say(
      `${sum.seeds} seeds from ${command.seed} on, no violation: ${sum.answers} answers, ${sum.slots} slots, ` +
        `${sum.starts} starts, ${sum.destroyed} refused or cut short by what the disk had lost, ${rate(sum, began)}`,
    )
  }
  if (command.shrink) {
    const passed = sum.seeds === 1 ? `seed ${command.seed} passes` : `all ${sum.seeds} seeds pass`
    say(`nothing to shrink: ${passed}, and only a run that fails is made smaller`)
  }
})

const optionsOf = Effect.fnUntraced(function* (command: SimulateCommand) {
  const { steps = defaultSimulation.steps, clients = defaultSimulation.clients } = command
  if (command.seeds < 0) return yield* stop("--seeds counts from 0 up", ExitCode.usage)
  if (steps < 1) return yield* stop("--steps must be 1 or more", ExitCode.usage)
  if (clients < 1 || clients > clientsMax) {
    return yield* stop(`--clients must be 1 to ${clientsMax}`, ExitCode.usage)
  }
  const names = command.without?.split(",").filter((name) => name !== "") ?? []
  const without = new Set<Fault>()
  for (const name of names) {
    if (name === "all") for (const each of faultNames) without.add(each)
    else if (isFault(name)) without.add(name)
    else
      return yield* stop(
        `there is no fault ${name}: \`${PROGRAM} simulate --faults\` lists them`,
        ExitCode.usage,
      )
  }
  const options: SimulationOptions = { steps, clients, without, trace: command.trace }
  return options
})

const add = (sum: Sum, result: SimulationResult): void => {
  sum.seeds++
  if (result.destroyed !== undefined) sum.destroyed++
  sum.answers += result.answers
  sum.slots += result.slots
  sum.starts += result.starts
  sum.simulatedMs += result.simulatedMs
}

const rate = ({ seeds }: Sum, began: number): string => {
  const seconds = (performance.now() - began) / 1_000
  return `${(seeds / Math.max(seconds, 0.001)).toFixed(1)} seeds/s`
}

const tellRun = (result: SimulationResult): void => {
  const { seed, faults, destroyed, answers, slots, starts, simulatedMs, digest } = result
  say(`seed ${seed}: ${faults.length === 0 ? "no faults" : faults.join(" ")}`)
  say(
    `${answers} answers, ${slots} slots, ${starts} starts, ${(simulatedMs / 1_000).toFixed(1)} simulated seconds`,
  )
  say(destroyed === undefined ? "no violation" : `no violation; cut short: ${destroyed}`)
  say(`trace ${digest}`)
}

const failed = Effect.fnUntraced(function* (
  command: SimulateCommand,
  options: SimulationOptions,
  result: SimulationResult,
) {
  const { seed } = result
  let smallest = { options, result }
  if (command.shrink) {
    let tried = 0
    smallest = yield* Effect.promise(() =>
      shrink(seed, { ...options, trace: false }, (_, fails) =>
        progress(`shrinking: ${++tried} runs${fails ? ", smaller" : ""}`),
      ),
    )
    progressEnds()
  }
  const repeat = commandOf(smallest.result, smallest.options)
  const { violation, faults, digest } = smallest.result
  if (command.json) print(JSON.stringify({ seed, violation, faults, digest, command: repeat }))
  return yield* stop(`seed ${seed}: ${violation}\nagain with: ${repeat}${command.trace ? "" : " --trace"}`)
})

const commandOf = (
  { seed, faults }: SimulationResult,
  { steps, clients, without }: SimulationOptions,
): string => {
  const parts = [`${PROGRAM} simulate --seed ${seed}`]
  if (steps !== defaultSimulation.steps) parts.push(`--steps ${steps}`)
  if (clients !== defaultSimulation.clients) parts.push(`--clients ${clients}`)
  // Without a fault that it knows a run is the one without any.
  if (faults.length === 0) parts.push("--without all")
  else if (without.size > 0) parts.push(`--without ${[...without].join(",")}`)
  return parts.join(" ")
}
