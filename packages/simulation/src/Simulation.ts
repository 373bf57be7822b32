/** One run from one seed: a server, its clients, their network and disk, the faults, and a judge who watches. */
import { Identities } from "@millrace/gateway"
import type { Command } from "@millrace/ledger"
import { Cause, Effect } from "effect"
import { Acquirer } from "./Acquirer.ts"
import type { Actor, Stage } from "./Actor.ts"
import { Chaos, faultsOf } from "./Chaos.ts"
import { SimulatedDisk } from "./Disk.ts"
import type { Fault } from "./Faults.ts"
import { Judge } from "./Judge.ts"
import { Loop, Process } from "./Loop.ts"
import { Network } from "./Network.ts"
import { Office } from "./Office.ts"
import { Random } from "./Random.ts"
import { messageOf, type Running, Server } from "./Server.ts"
import { surroundingsOf } from "./Surroundings.ts"
import { Till } from "./Till.ts"
import { Trace } from "./Trace.ts"
import { acquirerHost, adminHost, firstTerminal, provisioning } from "./town.ts"
import { Violation } from "./Violation.ts"
import { checkClients } from "./verdict.ts"

export interface SimulationOptions {
  /** Requests, batches and commands of all clients together. */
  readonly steps: number
  /** Terminals; a host and the office come to them. */
  readonly clients: number
  readonly without: ReadonlySet<Fault>
  /** Keep the trace's lines. */
  readonly trace: boolean
}

export const defaultSimulation: SimulationOptions = {
  steps: 40,
  clients: 3,
  without: new Set(),
  trace: false,
}

export interface SimulationResult {
  readonly seed: number
  /** What must not be, or undefined. */
  readonly violation: string | undefined
  /** Why the run ended before its time though nothing was wrong: the disk had lost what only it had. */
  readonly destroyed: string | undefined
  readonly faults: ReadonlyArray<Fault>
  /** SHA-256 of the trace, hex. */
  readonly digest: string
  readonly trace: ReadonlyArray<string>
  readonly steps: number
  readonly answers: number
  readonly slots: number
  readonly starts: number
  readonly simulatedMs: number
}

/** All faults are over: everybody must have their answers by then. */
const livenessMsMax = 180_000
/** No run takes so long with its faults. */
const trafficMsMax = 300_000

export const simulate = async (
  seed: number,
  options: SimulationOptions = defaultSimulation,
): Promise<SimulationResult> => new Run(seed, options).run()

class Run {
  readonly #options: SimulationOptions
  readonly #seed: number
  readonly #random: Random
  readonly #loop = new Loop()
  readonly #trace: Trace
  readonly #world: Process
  readonly #judge: Judge
  readonly #network: Network
  readonly #disk: SimulatedDisk
  readonly #server: Server
  readonly #faults: ReadonlySet<Fault>
  #actors: ReadonlyArray<Actor> = []
  #refused: string | undefined

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed
    this.#options = options
    this.#random = new Random(`millrace ${seed}`)
    this.#trace = new Trace(() => this.#loop.now, options.trace)
    this.#world = new Process(this.#loop, "world", this.#random.fork("world"))
    this.#disk = new SimulatedDisk(this.#random.fork("disk"), this.#trace)
    this.#judge = new Judge(() => this.#disk.lies)
    this.#faults = faultsOf(this.#random.fork("faults"), options.without)
    this.#network = new Network(this.#world, this.#random.fork("network"), this.#trace, {
      wrote: (frames) => this.#judge.wrote(frames),
      told: (frames) => this.#judge.told(frames),
    })
    const watch = {
      sealed: (block: Parameters<Judge["sealed"]>[0]) => {
        this.#trace.add("journal", `block ${block.first} ${block.count} ${block.time}`)
        this.#judge.sealed(block)
      },
      durable: (block: Parameters<Judge["isDurable"]>[0]) => this.#judge.isDurable(block),
      recovered: (...args: Parameters<Judge["recovered"]>) => this.#judge.recovered(...args),
      refused: (cause: Cause.Cause<unknown>) => this.#judgeRefusal(cause),
    }
    this.#server = new Server(
      this.#world,
      this.#random.fork("server"),
      this.#trace,
      this.#network,
      this.#disk,
      watch,
    )
  }

  async run(): Promise<SimulationResult> {
    this.#trace.add("world", `seed ${this.#seed}, faults ${[...this.#faults].join(" ") || "none"}`)
    let violation: string | undefined
    try {
      await this.#play()
    } catch (error) {
      violation = error instanceof Violation ? error.message : `a throw: ${stackOf(error)}`
    }
    violation = this.#judge.violation ?? violation
    // Whoever is still alive must not hold the next run up.
    for (const process of [this.#server.process, ...this.#actors.map((actor) => actor.process)]) {
      if (process !== undefined) process.alive = false
    }
    const destroyed = this.#judge.over ?? this.#refused
    this.#trace.add("world", violation ?? destroyed ?? "sound")
    return {
      seed: this.#seed,
      violation,
      destroyed: violation === undefined ? destroyed : undefined,
      faults: [...this.#faults],
      digest: this.#trace.digest(),
      trace: this.#trace.lines,
      steps: this.#loop.steps,
      answers: this.#judge.answers,
      slots: this.#judge.durable,
      starts: this.#server.starts,
      simulatedMs: this.#loop.now,
    }
  }

  /** The disk has what was written. Where it has not, a shard may wait for ever for what it needs to be rebuilt. */
  get #isHonest(): boolean {
    return this.#disk.lies.length + this.#disk.rotten.length === 0
  }

  get #isOver(): boolean {
    const { over, violation } = this.#judge
    return over !== undefined || violation !== undefined || this.#server.refused
  }

  /** Runs until it is so, or the run is over, or the time is up; false when time is up. */
  async #until(isSo: () => boolean, msMax: number): Promise<boolean> {
    const end = this.#loop.now + msMax
    await this.#loop.run(() => this.#isOver || isSo() || this.#loop.now > end)
    return this.#isOver || isSo()
  }

  async #play(): Promise<void> {
    await this.#begin()
    const { server, network } = { server: this.#server, network: this.#network }
    const acquirer = this.#actors.find((actor) => actor instanceof Acquirer)
    if (acquirer === undefined) return
    const target = {
      world: this.#world,
      network,
      server,
      disk: this.#disk,
      actors: this.#actors,
      acquirer,
    }
    const chaos = new Chaos(this.#random.fork("chaos"), this.#trace, target, this.#faults)
    chaos.begin()
    for (const actor of this.#actors) actor.start()
    await this.#until(() => this.#actors.every(({ left }) => left === 0), trafficMsMax)
    if (this.#isOver) return
    this.#trace.add("world", "the faults are over")
    chaos.end()
    const inTime = await this.#until(() => this.#actors.every(({ done }) => done), livenessMsMax)
    if (!inTime && this.#isHonest) {
      const late = this.#actors.filter(({ done }) => !done).map(({ name }) => name)
      throw new Violation(`no answers within ${livenessMsMax} ms without faults: ${late.join(", ")}`)
    }
    if (this.#isOver || !inTime) return
    await this.#settle()
  }

  /** The first start, and what must be there before traffic. */
  async #begin(): Promise<void> {
    this.#server.start()
    let ready = false
    this.#server.whenUp((running) => {
      const commands = provisioning(this.#options.clients)
      Effect.runForkWith(surroundingsOf(running.process))(
        Effect.forEach(commands, (command) => carriedOut(running, command), { discard: true }),
      ).addObserver((exit) => {
        if (exit._tag === "Failure") throw new Error(`provisioning: ${messageOf(exit.cause)}`)
        this.#actors = this.#makeActors(running)
        ready = true
      })
    })
    await this.#until(() => ready, trafficMsMax)
  }

  #makeActors({ engine, schemeKey }: Running): ReadonlyArray<Actor> {
    const { clients, steps } = this.#options
    const stage: Stage = { loop: this.#loop, network: this.#network, trace: this.#trace }
    const { scheme } = engine.lane.ledger
    const identities = new Identities(() => scheme, schemeKey)
    const share = (weight: number, weights: number) => Math.ceil((steps * weight) / weights)
    const weights = 2 * clients + 3
    const tills = Array.from({ length: clients }, (_, i) => {
      const name = `till ${i + 1}`
      const terminal = firstTerminal + i
      const key = identities.keyOf({ terminal }, scheme.terminal(terminal)?.keyVersion ?? 0)
      return new Till(stage, this.#random.fork(name), {
        name,
        identity: { terminal },
        terminal,
        key,
        steps: share(2, weights),
      })
    })
    const hostOptions = (name: string, host: string, weight: number) => ({
      name,
      identity: { host },
      key: identities.keyOf({ host }, scheme.host(host)?.keyVersion ?? 0),
      steps: share(weight, weights),
    })
    return [
      ...tills,
      new Acquirer(stage, this.#random.fork("acquirer"), hostOptions("acquirer", acquirerHost, 2)),
      new Office(stage, this.#random.fork("office"), hostOptions("office", adminHost, 1)),
    ]
  }

  /** Holds run out, the server stops and starts once more, and all that was told is looked up. */
  async #settle(): Promise<void> {
    this.#server.stepClock(8 * 24 * 3_600_000)
    await this.#pass(2_000)
    if (this.#isOver) return
    const held = this.#judge.model?.holds.length ?? 0
    if (held > 0 && this.#isHonest) throw new Violation(`${held} holds never ran out`)
    const { starts } = this.#server
    let stopped = false
    this.#server.whenUp(() =>
      this.#server.stop(() => {
        stopped = true
      }),
    )
    await this.#until(() => stopped, livenessMsMax)
    if (this.#isOver) return
    if (this.#server.process === undefined && this.#server.starts === starts) this.#server.start()
    const isUp = await this.#until(() => this.#server.running !== undefined, livenessMsMax)
    if (this.#isOver) return
    if (!isUp) throw new Violation("the last start never ends")
    if (this.#server.running !== undefined) this.#judge.compare(this.#server.running.engine)
    this.#judge.checkAnswers()
    checkClients(this.#judge, this.#actors)
  }

  async #pass(ms: number): Promise<void> {
    const end = this.#loop.now + ms
    this.#world.after(ms, () => {})
    await this.#loop.run(() => this.#isOver || this.#loop.now >= end)
  }

  /** A start may be refused when the disk can't do what it is asked, or has done what it was not. */
  #judgeRefusal(cause: Cause.Cause<unknown>): void {
    const error = Cause.squash(cause)
    const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
    if (tag === "StorageFailed" || error instanceof Violation) return
    const lies = [...this.#disk.lies, ...this.#disk.rotten]
    if (lies.length === 0) {
      this.#judge.violation ??= `a start is refused, and the disk did nothing: ${messageOf(cause)}`
      return
    }
    this.#server.refused = true
    this.#refused = `${messageOf(cause)} (${lies.join("; ")})`
  }
}

const carriedOut = ({ engine }: Running, command: Command) =>
  Effect.flatMap(engine.control(command), (result) =>
    result.ok ? Effect.void : Effect.die(new Error(`${command.type}: ${result.message}`)),
  )

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
