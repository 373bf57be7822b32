// When the process is killed: drawn from the seed, so that a run can be had again.
import { join } from "node:path"
import type { Random } from "../Random.ts"
import type { Step } from "./Reaper.ts"

/**
 * | mode | SIGKILL comes |
 * |---|---|
 * | birth | during the very first start, while the data directory is being made |
 * | recovery | during a start, from its first touch of the data directory on |
 * | ready | soon after `ready`, while what is unanswered is sent again and asked about |
 * | load | under full load |
 * | shutdown | under full load, soon after SIGTERM |
 * | snapshot | under full load, while a snapshot is written |
 */
export const modes = ["birth", "recovery", "ready", "load", "shutdown", "snapshot"] as const
export type Mode = (typeof modes)[number]

export interface Plan {
  readonly mode: Mode
  /** Milliseconds under load before the first signal, or before looking out for a snapshot; unused without load. */
  readonly loadMs: number
  /** From the mode's own event to SIGKILL. */
  readonly delayMs: number
}

export interface PlanOptions {
  readonly loadMsMax: number
  /** What a start took so far: a kill in recovery comes within so much of its beginning. */
  readonly startMs: number
  /** Snapshots are taken every few thousand transactions. */
  readonly snapshots: boolean
}

const weights = { recovery: 14, ready: 14, load: 42, shutdown: 14, snapshot: 16 } as const
/** Where a snapshot is only taken at the end, its moment is the shutdown's. */
const weightsWithoutSnapshot = { ...weights, shutdown: 30, snapshot: 0 }
/** Every mode comes in a run of this many kills, however short. */
const opening: ReadonlyArray<Mode> = ["birth", "load", "snapshot", "recovery", "shutdown", "ready"]
/** The longest delays after `ready`, SIGTERM, and a snapshot's first write. */
const readyMsMax = 800
const shutdownMsMax = 1_200
const snapshotWriteMsMax = 12
const touchMsMax = 60_000
const snapshotMsMax = 4_000

export const planOf = (random: Random, life: number, options: PlanOptions): Plan => {
  const drawn = random.weighted(options.snapshots ? weights : weightsWithoutSnapshot)
  const wanted = opening[life] ?? drawn
  const mode = wanted === "snapshot" && !options.snapshots ? "shutdown" : wanted
  const loadMs = random.between(10, options.loadMsMax)
  return { mode, loadMs, delayMs: delayOf(mode, random.fraction(), options.startMs) }
}

const delayOf = (mode: Mode, share: number, startMs: number): number => {
  switch (mode) {
    case "birth":
    case "recovery":
      return share * startMs
    case "ready":
      return share * readyMsMax
    case "load":
      return 0
    case "shutdown":
      // A shutdown's beginning, where answers are still being given, takes less time than its end.
      return share ** 3 * shutdownMsMax
    case "snapshot":
      return share * snapshotWriteMsMax
  }
}

const death: Step = { what: "signal", signal: "SIGKILL" }

/** What the reaper is told: at the start, at `ready` or at the beginning of the load, as the mode has it. */
export const stepsOf = ({ mode, loadMs, delayMs }: Plan, data: string): ReadonlyArray<Step> => {
  const load: Step = { what: "wait", ms: loadMs }
  const delay: Step = { what: "wait", ms: delayMs }
  switch (mode) {
    case "birth":
    case "recovery":
      return [{ what: "change", directory: data, msMax: touchMsMax }, delay, death]
    case "ready":
      return [delay, death]
    case "load":
      return [load, death]
    case "shutdown":
      return [load, { what: "signal", signal: "SIGTERM" }, delay, death]
    case "snapshot":
      return [
        load,
        { what: "change", directory: join(data, "snapshots"), msMax: snapshotMsMax },
        delay,
        death,
      ]
  }
}
