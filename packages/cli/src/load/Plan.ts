// What a load is asked to do, checked before anything is connected.
import { BATCH_RECORDS_MAX } from "@millrace/protocol"
import { Result } from "effect"
import type { Target } from "./Channel.ts"
import { type Mix, parseMix } from "./Mix.ts"
import { LOAD_CARDS_MAX, LOAD_CONNECTIONS_MAX } from "./Population.ts"
import { slotsFit } from "./Slots.ts"

export type LoadMode = "batch" | "terminals"

export interface LoadPlan {
  readonly url: string
  readonly target: Target
  readonly connections: number
  /** Frames outstanding on a connection. */
  readonly inFlight: number
  /** Records of a frame; 1 in terminals mode. */
  readonly batch: number
  /** Transactions a second that are due whatever the answers do; undefined: the next goes when one came back. */
  readonly rate: number | undefined
  readonly seconds: number
  /** Seconds of traffic before the figures begin. */
  readonly warmUp: number
  readonly cards: number
  readonly mix: Mix
  readonly seed: number
}

export interface LoadRequest {
  readonly url: string
  readonly mode: LoadMode
  readonly connections: number | undefined
  readonly inFlight: number | undefined
  readonly batch: number | undefined
  readonly rate: number | undefined
  readonly duration: number
  readonly warmUp: number
  readonly cards: number
  readonly mix: string
  readonly seed: number
}

/** What each mode does when nothing is said: a few hosts with batches, or many terminals with one request each. */
const modeDefaults = {
  batch: { connections: 8, inFlight: 8, batch: 512 },
  terminals: { connections: 64, inFlight: 1, batch: 1 },
} as const

const DEFAULT_PORT = { tcp: 7100, tls: 7100, ws: 7101, wss: 7101 } as const

/** `tcp://host:port`, or `tls`, `ws`, `wss`; the port may be left out. Failures are sentences. */
export const parseTarget = (url: string): Result.Result<Target, string> => {
  const match = /^(tcp|tls|wss?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+))(?::(\d{1,5}))?\/?$/.exec(url)
  // The expression's own words.
  const scheme = match?.[1] as Target["scheme"] | undefined
  const port = scheme === undefined ? 0 : match?.[4] === undefined ? DEFAULT_PORT[scheme] : Number(match[4])
  if (match === null || scheme === undefined || port < 1 || port > 65_535)
    return Result.fail(`"${url}" is not tcp://HOST:PORT, tls://…, ws://… or wss://…`)
  return Result.succeed({ scheme, host: match[2] ?? match[3], port })
}

/** The plan, or what is wrong with the request. */
export const planLoad = (request: LoadRequest): Result.Result<LoadPlan, string> => {
  const target = parseTarget(request.url)
  if (Result.isFailure(target)) return Result.fail(target.failure)
  const mix = parseMix(request.mix)
  if (Result.isFailure(mix)) return Result.fail(`--mix: ${mix.failure}`)
  const defaults = modeDefaults[request.mode]
  const plan: LoadPlan = {
    url: request.url,
    target: target.success,
    connections: request.connections ?? defaults.connections,
    inFlight: request.inFlight ?? defaults.inFlight,
    batch: request.batch ?? defaults.batch,
    rate: request.rate,
    seconds: request.duration,
    warmUp: request.warmUp,
    cards: request.cards,
    mix: mix.success,
    seed: request.seed,
  }
  const problem = problemOf(plan, request.mode)
  return problem === undefined ? Result.succeed(plan) : Result.fail(problem)
}

const problemOf = (plan: LoadPlan, mode: LoadMode): string | undefined => {
  const ranges: ReadonlyArray<readonly [string, number, number]> = [
    ["--connections", plan.connections, LOAD_CONNECTIONS_MAX],
    ["--in-flight", plan.inFlight, 65_536],
    ["--batch", plan.batch, BATCH_RECORDS_MAX],
    ["--cards", plan.cards, LOAD_CARDS_MAX],
  ]
  for (const [flag, value, max] of ranges) {
    if (!Number.isInteger(value) || value < 1 || value > max) {
      return `${flag} must be a whole number from 1 to ${max}, not ${value}`
    }
  }
  if (!(plan.seconds > 0)) return `--duration must be more than 0 seconds, not ${plan.seconds}`
  if (!(plan.warmUp >= 0)) return `--warm-up must be 0 seconds or more, not ${plan.warmUp}`
  if (plan.rate !== undefined && !(plan.rate > 0))
    return `--rate must be more than 0 a second, not ${plan.rate}`
  if (mode === "terminals" && plan.batch !== 1) {
    return "--batch belongs to --mode batch: a terminal sends one transaction a frame"
  }
  if (plan.mix.transfer > 0 && plan.cards < 2) return "--cards must be at least 2 for transfers between them"
  if (!slotsFit(plan.inFlight, plan.batch)) {
    return `--in-flight ${plan.inFlight} × --batch ${plan.batch} is more than 262,144 records on a connection: lower one`
  }
  return undefined
}
