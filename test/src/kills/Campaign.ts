// Life after life on one data directory: start, settle what is unanswered, check everything, load, kill.
import { mkdirSync } from "node:fs"
import { Random } from "../Random.ts"
import type { RawConnection } from "../RawConnection.ts"
import { type Exit, Server } from "../Server.ts"
import { ranSeconds, sleep, within } from "../within.ts"
import type { Counts } from "../witness/Player.ts"
import { phaseSecondsMax, Witness } from "../witness/Witness.ts"
import type { Configuration, KillLog } from "./Log.ts"
import { type Mode, type Plan, planOf, stepsOf } from "./Plan.ts"
import { Reaper } from "./Reaper.ts"

export interface CampaignOptions {
  readonly kills: number
  readonly seed: number
  readonly connections: number
  readonly data: string
  readonly say: (line: string) => void
  /** The longest time under load before a signal. */
  readonly loadMsMax: number
  readonly configuration: Configuration
  /** Of the small configuration, a power of two: the ring comes round, and requests are forgotten, many times in a run. */
  readonly rememberedTransactions: number
  /** Which data directory of a run this is, from 1. */
  readonly round: number
  readonly log: KillLog
}

/** What each connection keeps on its way under full load. */
const load = { batchRecords: 128, batchesInFlight: 8 }
const mailboxRecordsMax = 512
/** Whoever shares the machine may hold these processes up. */
const patience = {
  MILLRACE_LIMITS_LOGON_SECONDS_MAX: 300,
  MILLRACE_LIMITS_FRAME_SECONDS_MAX: 300,
  MILLRACE_LIMITS_IDLE_SECONDS_MAX: 3_600,
}
const shippedMemory = 2 ** 24
const violationsMax = 20
/** Making a directory. */
const firstStartMs = 150
/** In a quiet moment the engine has journaled at most so much more than the last answer seen shows. */
const marginSlots = 1 << 14

export class Campaign {
  readonly #options: CampaignOptions
  readonly #random: Random
  readonly #witness: Witness
  readonly #reaper = new Reaper()
  readonly violations: Array<string> = []
  /** From the process's start to `ready`, and the part of it in which the data directory is read: a kill is drawn from this. */
  readonly #startMs: Array<number> = []
  readonly #recoveredMs: Array<number> = []
  #kills = 0
  /** The reaper has its order: from now on the process may go at any moment. */
  #doomed = false

  constructor(options: CampaignOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    mkdirSync(options.data, { recursive: true })
    this.#witness = new Witness({
      seed: options.seed,
      connections: options.connections,
      load,
      violation: (text) => this.#violation(text),
    })
  }

  async run(): Promise<void> {
    try {
      for (let life = 0; this.#kills < this.#options.kills && !this.#hopeless; life++) {
        await this.#live(this.#draw(life))
      }
      if (!this.#hopeless) await this.#lastLife()
      if (this.violations.length === 0) {
        this.#options.log.write({ roundDone: this.#options.round, kills: this.#kills })
      }
    } finally {
      await this.#reaper.end()
    }
  }

  get #hopeless(): boolean {
    return this.violations.length >= violationsMax
  }

  #draw(life: number): Plan {
    const { loadMsMax, configuration } = this.#options
    const startMs = this.#recoveredMs.length === 0 ? firstStartMs : median(this.#recoveredMs)
    return planOf(this.#random, life, { loadMsMax, startMs, snapshots: configuration === "small" })
  }

  #violation(text: string): void {
    this.violations.push(text)
    if (this.violations.length > violationsMax) return
    this.#options.say(`VIOLATION ${text}`)
    this.#options.log.write({ violation: text.slice(0, 4_000) })
  }

  async #live(plan: Plan): Promise<void> {
    const before = {
      ...this.#witness.counts,
      violations: this.violations.length,
      starts: this.#startMs.length,
    }
    const server = this.#begin()
    const { mode } = plan
    // Before it is there: what is waited for must not have happened already.
    if (mode === "birth" || mode === "recovery") this.#order(server, plan)
    if (mode !== "birth" && mode !== "recovery") await this.#liveUntilKilled(server, plan)
    const exit = await within("the end of the process", server.exited, phaseSecondsMax)
    this.#reaper.cancel()
    const clean = this.#judgeExit(exit, plan, server)
    this.#tell(mode, clean, before)
  }

  #tell(phase: Mode, clean: boolean, before: Counts & { violations: number; starts: number }): void {
    const { round, configuration, log, say } = this.#options
    const inDoubt = this.#witness.unanswered
    this.#witness.counts.inDoubt += inDoubt
    const started = this.#startMs[before.starts]
    const recoveryMs = started === undefined ? null : Math.round(started)
    const life = {
      kill: log.kills + (clean ? 0 : 1),
      round,
      config: configuration,
      phase,
      clean,
      at: new Date().toISOString(),
      answered: this.#witness.counts.answered - before.answered,
      inDoubt,
      done: this.#witness.counts.doneInDoubt - before.doneInDoubt,
      rechecked: this.#witness.counts.rechecked - before.rechecked,
      forgotten: this.#witness.counts.forgotten - before.forgotten,
      recoveryMs,
      violations: this.violations.length - before.violations,
    }
    log.write(life)
    say(
      `kill ${life.kill} ${phase}${clean ? ", a clean stop" : ""}: answered ${life.answered}, ` +
        `in doubt ${inDoubt}, of those before ${life.done} had been done, rechecked ${life.rechecked}, ` +
        `${recoveryMs === null ? "" : `recovery ${recoveryMs} ms, `}violations ${life.violations}`,
    )
  }

  /** True when it stopped cleanly before SIGKILL reached it. */
  #judgeExit({ code, signal }: Exit, { mode }: Plan, server: Server): boolean {
    if (code === 0 && mode === "shutdown") return true
    if (signal === "SIGKILL" && this.#doomed) this.#kills++
    else this.#violation(`serve ended with ${signal ?? code} by itself\n${server.stderr}`)
    return false
  }

  async #liveUntilKilled(server: Server, plan: Plan): Promise<void> {
    if (!(await this.#ready(server))) return
    if (plan.mode === "ready") this.#order(server, plan)
    const connections = await this.#connect(server)
    const checked = connections.length > 0 && (await this.#settleAndCheck(connections))
    if (checked) await this.#loadUntilKilled(server, plan, connections)
    else if (!this.#doomed) this.#giveUp(server, "the checks were cut off")
    // All that a killed process wrote is read before the next life begins: what was answered, was answered.
    for (const connection of connections) await connection.closing()
  }

  async #loadUntilKilled(
    server: Server,
    plan: Plan,
    connections: ReadonlyArray<RawConnection>,
  ): Promise<void> {
    if (plan.mode !== "ready") this.#order(server, plan)
    const [connection] = connections
    const { scheme } = this.#witness
    scheme.wantLate(this.#random.between(0, this.#witness.connections - 1))
    const cards = sleep(plan.loadMs / 2).then(() => scheme.makeLate(connection))
    if (!(await this.#witness.play())) this.#giveUp(server, "the load neither ended nor was answered")
    await cards
  }

  /** One life without a kill: everything is settled and checked once more, and the shutdown is clean. */
  async #lastLife(): Promise<void> {
    const server = this.#begin()
    if (!(await this.#ready(server))) return
    const connections = await this.#connect(server)
    const checked = connections.length > 0 && (await this.#settleAndCheck(connections))
    if (!checked) return this.#giveUp(server, "the last checks were cut off")
    this.#doomed = true
    this.#reaper.order(server.pid, [{ what: "signal", signal: "SIGTERM" }])
    const { code, signal } = await within("a clean shutdown", server.exited, phaseSecondsMax)
    if (code !== 0) this.#violation(`the last shutdown ended with ${signal ?? code}\n${server.stderr}`)
  }

  #begin(): Server {
    this.#doomed = false
    const { data, configuration, rememberedTransactions } = this.#options
    const small = {
      MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: rememberedTransactions,
      MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: rememberedTransactions / 8,
      // Small mailboxes: they are full under this load, so back-pressure is at work when the process dies.
      MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: mailboxRecordsMax,
      MILLRACE_JOURNAL_SEGMENT_BYTES: 2 ** 24,
    }
    const settings = configuration === "small" ? { ...patience, ...small } : patience
    return Server.spawn({ data, settings })
  }

  #order(server: Server, plan: Plan): void {
    this.#doomed = true
    this.#reaper.order(server.pid, stepsOf(plan, this.#options.data))
  }

  #giveUp(server: Server, why: string): void {
    this.#violation(`${why}; stderr:\n${server.stderr}`)
    this.#doomed = true
    server.kill()
  }

  async #ready(server: Server): Promise<boolean> {
    const began = ranSeconds()
    try {
      await server.ready(phaseSecondsMax)
      this.#startMs.push((ranSeconds() - began) * 1_000)
      const told = /^(?:recovered|nothing to recover): .*?([\d,]+) ms\)?$/m.exec(server.stderr)?.[1]
      if (told !== undefined) this.#recoveredMs.push(Number(told.replaceAll(",", "")))
      return true
    } catch (error) {
      this.#giveUp(server, String(error))
      return false
    }
  }

  /** Empty when the process went before all were logged on. */
  async #connect(server: Server): Promise<ReadonlyArray<RawConnection>> {
    try {
      return await this.#witness.connect(server, (why) => {
        if (!this.#doomed || !this.#reaper.signalled) this.#violation(`a connection went by itself: ${why}`)
      })
    } catch (error) {
      if (!this.#doomed) this.#violation(`no logon: ${String(error)}`)
      return []
    }
  }

  #settleAndCheck(connections: ReadonlyArray<RawConnection>): Promise<boolean> {
    const { configuration, rememberedTransactions } = this.#options
    const remembered = configuration === "small" ? rememberedTransactions : shippedMemory
    return this.#witness.settleAndCheck(connections, remembered - marginSlots)
  }
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
