// What a run leaves behind: a line of JSON for each life, from which the figures are counted, and a run goes on.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { type Mode, modes } from "./Plan.ts"

export type Configuration = "small" | "shipped"

/** One life of the process. */
export interface Life {
  /** Counted over all rounds; the same as before when it ended cleanly by itself. */
  readonly kill: number
  readonly round: number
  readonly config: Configuration
  readonly phase: Mode
  /** Stopped cleanly before SIGKILL reached it. */
  readonly clean: boolean
  readonly at: string
  /** First answers that came. */
  readonly answered: number
  /** Unanswered at the end. */
  readonly inDoubt: number
  /** Of those in doubt before: done then, and only the answer was missing. */
  readonly done: number
  /** Asked again and compared with the first answer. */
  readonly rechecked: number
  /** Of those: so old that the engine had forgotten and refused them. */
  readonly forgotten: number
  /** From the start's first step to `ready`; null when it was killed before. */
  readonly recoveryMs: number | null
  readonly violations: number
}

/** A round is one data directory; its last line says that everything was checked once more and the stop was clean. */
export interface RoundEnd {
  readonly roundDone: number
  readonly kills: number
}

export type Line = Life | RoundEnd | { readonly violation: string }

export class KillLog {
  readonly #file: string | undefined
  readonly lines: Array<Line> = []

  /** Without a file the lines are only counted. `resume`: the whole rounds of the file stay, a begun one is done again. */
  constructor(file: string | undefined, resume: boolean) {
    this.#file = file
    if (file === undefined) return
    if (resume && existsSync(file)) this.lines.push(...wholeRounds(linesIn(file)))
    writeFileSync(file, this.lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
  }

  get roundsDone(): number {
    return this.lines.filter(isRoundEnd).length
  }

  get kills(): number {
    return this.lines.filter((line) => isLife(line) && !line.clean).length
  }

  write(line: Line): void {
    this.lines.push(line)
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

export const linesIn = (file: string): ReadonlyArray<Line> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    // The file is this module's own.
    .map((line) => JSON.parse(line) as Line)

const isLife = (line: Line): line is Life => "kill" in line
const isRoundEnd = (line: Line): line is RoundEnd => "roundDone" in line

/** A violation is never dropped: a run that has one is looked at, not gone on with. */
const wholeRounds = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  if (lines.some((line) => "violation" in line)) {
    throw new Error("this log has a violation: look at it, and write another log")
  }
  return lines.slice(0, lines.findLastIndex(isRoundEnd) + 1)
}

const sum = (lives: ReadonlyArray<Life>, of: (life: Life) => number): number =>
  lives.reduce((total, life) => total + of(life), 0)

export const summaryOf = (lines: ReadonlyArray<Line>): string => {
  const lives = lines.filter(isLife)
  const kills = lives.filter((life) => !life.clean)
  const parts = modes.map((mode) => `${mode} ${kills.filter(({ phase }) => phase === mode).length}`)
  const shipped = kills.filter(({ config }) => config === "shipped").length
  return [
    `kills ${kills.length} (and ${lives.length - kills.length} clean stops in between), in ${lines.filter(isRoundEnd).length} whole rounds`,
    `moments ${parts.join(", ")}`,
    `configuration small ${kills.length - shipped}, shipped ${shipped}`,
    `transactions answered ${sum(lives, (life) => life.answered)}`,
    `in doubt ${sum(lives, (life) => life.inDoubt)}, of which ${sum(lives, (life) => life.done)} had been done; all sent again, applied once`,
    `rechecked ${sum(lives, (life) => life.rechecked)}, of which ${sum(lives, (life) => life.forgotten)} were forgotten and refused with 68`,
    ...(["small", "shipped"] as const).flatMap((config) => recoveryOf(lives, config)),
    `violations ${lines.filter((line) => "violation" in line).length}`,
  ].join("\n")
}

const recoveryOf = (lives: ReadonlyArray<Life>, config: Configuration): ReadonlyArray<string> => {
  const took = lives.flatMap((life) =>
    life.config === config && life.recoveryMs !== null ? life.recoveryMs : [],
  )
  if (took.length === 0) return []
  const ordered = took.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(ordered[Math.floor((ordered.length - 1) * share)])
  return [`recovery, ${config}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`]
}
