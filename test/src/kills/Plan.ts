// When the process is killed: drawn from the seed, so that a run can be had again.
import { join } from "node:path"
import type { Random } from "../Random.ts"
import type { Step } from "./Reaper.ts"

/**
 * | mode | SIGKILL comes |
 * |---|---|
 * | birth | during the very first start, while the data directory is being made |
 * | recovery | during a start, once it touches the data directory: most of a start is the program being loaded |
 * | ready | soon after `ready`, while what is unanswered is sent again and asked about |
 * | load | under full load |
 * | shutdown | under full load, soon after SIGTERM |
 * | snapshot | under full load, while a snapshot is written |
 */
export type Mode = "birth" | "recovery" | "ready" | "load" | "shutdown" | "snapshot"

export interface Plan {
  readonly mode: Mode
  /** Milliseconds under load before the first signal, or before looking out for a snapshot; unused without load. */
  readonly loadMs: number
  /** From the mode's own event to SIGKILL. */
  readonly delayMs: number
}

/** The longest delay after the first touch of the data directory, `ready`, SIGTERM, a snapshot's first write. */
const delayMsMax: { readonly [mode in Mode]: number } = {
  birth: 400,
  recovery: 400,
  ready: 1_200,
  load: 0,
  shutdown: 2_000,
  snapshot: 12,
}

const weights = { recovery: 12, ready: 14, load: 44, shutdown: 14, snapshot: 16 } as const
/** Every mode comes in a run of this many kills, however short. */
const opening: ReadonlyArray<Mode> = ["birth", "load", "snapshot", "recovery", "shutdown", "ready"]
const touchMsMax = 60_000
const snapshotMsMax = 4_000

export const planOf = (random: Random, life: number, loadMsMax: number): Plan => {
  const mode = opening[life] ?? random.weighted(weights)
  const loadMs = random.between(10, loadMsMax)
  // A shutdown's beginning, where answers are still being given, takes less time than its end.
  const share = mode === "shutdown" ? random.fraction() ** 3 : random.fraction()
  return { mode, loadMs, delayMs: share * delayMsMax[mode] }
}

const death: Step = { what: "signal", signal: "SIGKILL" }

/** What the reaper is told: at the spawn, at `ready` or at the beginning of the load, as the mode has it. */
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
