// Life after life on one data directory: start, settle what is unanswered, check everything, load, kill.
import { mkdirSync } from "node:fs"
import { Random } from "../Random.ts"
import { RawConnection } from "../RawConnection.ts"
import { type Exit, Server } from "../Server.ts"
import { sleep, within } from "../within.ts"
import { type Counts, Player } from "../witness/Player.ts"
import { Scheme, terminalsOf } from "../witness/Scheme.ts"
import { type Plan, planOf, stepsOf } from "./Plan.ts"
import { Reaper } from "./Reaper.ts"

export interface CampaignOptions {
  readonly kills: number
  readonly seed: number
  readonly connections: number
  readonly data: string
  readonly say: (line: string) => void
  /** The longest time under load before a signal. */
  readonly loadMsMax: number
  /** A power of two. Small: the ring comes round, and requests are forgotten, many times in a run. */
  readonly rememberedTransactions: number
}

export interface Report extends Counts {
  readonly kills: number
  /** Lives that ended cleanly before SIGKILL reached them. */
  readonly cleanStops: number
  readonly violations: ReadonlyArray<string>
  readonly restartMs: ReadonlyArray<number>
}

/** What each connection keeps on its way under full load. */
const load = { batchRecords: 256, batchesInFlight: 8 }
const mailboxRecordsMax = 1_024
const phaseSecondsMax = 60
const violationsMax = 20
const recheckSample = 500
/** In a quiet moment the engine has journaled at most so much more than the last answer seen shows. */
const marginSlots = 1 << 14

export class Campaign {
  readonly #options: CampaignOptions
  readonly #random: Random
  readonly #players: ReadonlyArray<Player>
  readonly #scheme: Scheme
  readonly #reaper = new Reaper()
  readonly #counts: Counts = {
    answered: 0,
    inDoubt: 0,
    doneInDoubt: 0,
    rechecked: 0,
    forgotten: 0,
    sequence: 0,
  }
  readonly #violations: Array<string> = []
  readonly #restartMs: Array<number> = []
  #kills = 0
  #cleanStops = 0
  /** The reaper has its order: from now on the process may go at any moment. */
  #doomed = false

  constructor(options: CampaignOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    mkdirSync(options.data, { recursive: true })
    const violation = (text: string) => this.#violation(text)
    this.#players = Array.from({ length: options.connections }, (_, n) => {
      const random = new Random(options.seed, n + 1)
      return new Player(`connection ${n}`, terminalsOf(n), random, this.#counts, violation, load)
    })
    this.#scheme = new Scheme(this.#players, violation)
  }

  async run(): Promise<Report> {
    try {
      for (let life = 0; this.#kills < this.#options.kills && !this.#hopeless; life++) {
        await this.#live(planOf(this.#random, life, this.#options.loadMsMax))
      }
      if (!this.#hopeless) await this.#lastLife()
    } finally {
      await this.#reaper.end()
    }
    const { kills, cleanStops } = { kills: this.#kills, cleanStops: this.#cleanStops }
    return { ...this.#counts, kills, cleanStops, violations: this.#violations, restartMs: this.#restartMs }
  }

  get #hopeless(): boolean {
    return this.#violations.length >= violationsMax
  }

  #violation(text: string): void {
    this.#violations.push(text)
    if (this.#violations.length <= violationsMax) this.#options.say(`VIOLATION ${text}`)
  }

  async #live(plan: Plan): Promise<void> {
    const before = { ...this.#counts, violations: this.#violations.length, restarts: this.#restartMs.length }
    const server = this.#spawn()
    if (plan.mode === "birth" || plan.mode === "recovery") this.#order(server, plan)
    else await this.#liveUntilKilled(server, plan)
    const exit = await within("the end of the process", server.exited)
    this.#reaper.cancel()
    const how = this.#judgeExit(exit, plan, server)
    const unanswered = this.#players.reduce((sum, player) => sum + player.unanswered, 0)
    this.#counts.inDoubt += unanswered
    const { answered, rechecked, doneInDoubt } = this.#counts
    const restart = this.#restartMs[before.restarts]
    this.#options.say(
      `kill ${this.#kills}/${this.#options.kills} ${how}: answered ${answered - before.answered}, ` +
        `in doubt ${unanswered}, of those before ${doneInDoubt - before.doneInDoubt} had been done, ` +
        `rechecked ${rechecked - before.rechecked}, ` +
        `${restart === undefined ? "" : `restart ${Math.round(restart)} ms, `}` +
        `violations ${this.#violations.length - before.violations}`,
    )
  }

  #judgeExit({ code, signal }: Exit, { mode }: Plan, server: Server): string {
    if (code === 0 && mode === "shutdown") {
      this.#cleanStops++
      return "none, a clean stop"
    }
    if (signal === "SIGKILL" && this.#doomed) this.#kills++
    else this.#violation(`serve ended with ${signal ?? code} by itself\n${server.stderr}`)
    return mode
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
    this.#scheme.wantLate(this.#random.between(0, this.#players.length - 1))
    const cards = sleep(plan.loadMs / 2).then(() => this.#scheme.makeLate(connection))
    const ends = await this.#phase(this.#players.map((player) => player.play()))
    if (ends === undefined) this.#giveUp(server, "the load neither ended nor was answered")
    await cards
  }

  /** One life without a kill: everything is settled and checked once more, and the shutdown is clean. */
  async #lastLife(): Promise<void> {
    const server = this.#spawn()
    if (!(await this.#ready(server))) return
    const connections = await this.#connect(server)
    const checked = connections.length > 0 && (await this.#settleAndCheck(connections))
    if (!checked) return this.#giveUp(server, "the last checks were cut off")
    this.#doomed = true
    this.#reaper.order(server.pid, [{ what: "signal", signal: "SIGTERM" }])
    const { code, signal } = await within("a clean shutdown", server.exited)
    if (code !== 0) this.#violation(`the last shutdown ended with ${signal ?? code}\n${server.stderr}`)
  }

  #spawn(): Server {
    this.#doomed = false
    const { data, rememberedTransactions } = this.#options
    return Server.spawn({
      data,
      settings: {
        MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: rememberedTransactions,
        MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: rememberedTransactions / 8,
        // Small mailboxes: they are full under this load, so back-pressure is at work when the process dies.
        MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: mailboxRecordsMax,
      },
    })
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
    const began = performance.now()
    try {
      await server.ready(phaseSecondsMax)
      this.#restartMs.push(performance.now() - began)
      return true
    } catch (error) {
      this.#giveUp(server, String(error))
      return false
    }
  }

  /** Empty when the process went before all were logged on. */
  async #connect(server: Server): Promise<ReadonlyArray<RawConnection>> {
    const connections: Array<RawConnection> = []
    try {
      for (const player of this.#players) {
        const connection = await RawConnection.logOn(server.port, server.credential())
        connections.push(connection)
        player.attach(connection, (why) => {
          if (!this.#doomed || !this.#reaper.signalled) this.#violation(`a connection went by itself: ${why}`)
        })
      }
      return connections
    } catch (error) {
      if (!this.#doomed) this.#violation(`no logon: ${String(error)}`)
      for (const connection of connections) connection.destroy()
      return []
    }
  }

  /** True when everything was looked at; false when the process went away in the middle. */
  async #settleAndCheck(connections: ReadonlyArray<RawConnection>): Promise<boolean> {
    const players = this.#players
    const [connection] = connections
    const window = this.#options.rememberedTransactions - marginSlots
    if (!this.#scheme.made) await this.#scheme.make(connection)
    const phases = [
      () => players.map((player) => player.resend()),
      () => [this.#scheme.makeLate(connection)],
      () => [this.#scheme.makeAgain(connection)],
      () => players.map((player) => player.recheck(recheckSample, window)),
      () => players.map((player) => player.sweep()),
      () => [this.#scheme.checkAccounts(connection)],
    ]
    for (const phase of phases) {
      const ends = await this.#phase(phase())
      if (ends === undefined) this.#violation(`something stayed unanswered for ${phaseSecondsMax} s`)
      if (ends === undefined || ends.includes(false)) return false
    }
    return true
  }

  /** What each part came to, or undefined when one of them took too long. */
  #phase(parts: ReadonlyArray<Promise<boolean>>): Promise<ReadonlyArray<boolean> | undefined> {
    return within("a phase", Promise.all(parts), phaseSecondsMax).catch(() => undefined)
  }
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
