/** The faults of a run: which there are, and when each strikes. */
import { Account } from "@millrace/ledger/model"
import type { Acquirer } from "./Acquirer.ts"
import type { Actor } from "./Actor.ts"
import type { SimulatedDisk } from "./Disk.ts"
import { type Fault, faultKinds, faultNames } from "./Faults.ts"
import type { Process } from "./Loop.ts"
import type { Connection, Network } from "./Network.ts"
import type { Random } from "./Random.ts"
import type { Server } from "./Server.ts"
import type { Trace } from "./Trace.ts"

export interface Target {
  readonly world: Process
  readonly network: Network
  readonly server: Server
  readonly disk: SimulatedDisk
  readonly actors: ReadonlyArray<Actor>
  readonly acquirer: Acquirer
}

/** The faults that a seed knows, without those that are switched off. */
export const faultsOf = (random: Random, without: ReadonlySet<Fault>): ReadonlySet<Fault> =>
  new Set(
    faultNames.filter((name) => {
      // Drawn for all, so that switching one off changes no other.
      const isDrawn = random.chance(faultKinds[name].percent / 100)
      return isDrawn && !without.has(name)
    }),
  )

const drawn: ReadonlyArray<readonly [number, Fault]> = faultNames.map((name) => [
  faultKinds[name].weight,
  name,
])
const meanPauseMs = 60
/** Faults that strike: enough that they meet, few enough that traffic goes on between them. */
const strikesMax = 12
const clockSteps = [-3_600_000, -2_000, 1_000, 60_000, 3_700_000, 3_700_000, 90_000_000] as const

export class Chaos {
  readonly #random: Random
  readonly #trace: Trace
  readonly #target: Target
  readonly #known: ReadonlySet<Fault>
  #over = false
  #strikes = 0

  constructor(random: Random, trace: Trace, target: Target, known: ReadonlySet<Fault>) {
    this.#random = random
    this.#trace = trace
    this.#target = target
    this.#known = known
    target.server.onEnded = () => this.#atRest()
  }

  begin(): void {
    const { world } = this.#target
    world.after(this.#random.delay(meanPauseMs), () => {
      if (this.#over) return
      const fault = this.#random.weighted(drawn)
      const random = this.#random.fork(`${fault} ${Math.floor(this.#random.next() * 2 ** 32)}`)
      if (this.#known.has(fault)) {
        this.#strikes++
        this.#trace.add("fault", fault)
        this.#strike(fault, random)
      }
      if (this.#strikes < strikesMax) this.begin()
    })
  }

  /** No more faults; what is broken is mended. */
  end(): void {
    this.#over = true
    const { network, disk, server, actors } = this.#target
    disk.heal()
    server.crashAtStart = undefined
    for (const process of [server.process, ...actors.map((actor) => actor.process)]) {
      if (process !== undefined) process.stepsLeft = Number.POSITIVE_INFINITY
    }
    for (const connection of network.connections) {
      connection.toServer.extraMs = 0
      connection.toClient.extraMs = 0
      connection.toClient.resume()
    }
  }

  #connection(random: Random): Connection | undefined {
    const open = [...this.#target.network.connections]
    return open.length === 0 ? undefined : random.pick(open)
  }

  #strike(fault: Fault, random: Random): void {
    const { disk, server, acquirer } = this.#target
    switch (fault) {
      case "delay":
      case "cut":
      case "lose":
      case "duplicate":
      case "lost-answer":
      case "slow-reader":
        this.#strikeNetwork(fault, random)
        return
      case "slow-disk":
      case "full":
        this.#strikeDisk(fault, random)
        return
      case "write-error":
      case "sync-error":
      case "lost-write":
      case "lying-sync":
      case "misplaced":
        disk.arm(fault, random.int(12))
        return
      case "overload":
        acquirer.burst = random.between(10, 30)
        return
      case "clock": {
        const ms = random.pick(clockSteps)
        if (random.chance(0.5)) server.stepClock(ms)
        else random.pick(this.#target.actors).stepClock(ms)
        return
      }
      case "defect":
        this.#plantDefect(random)
        return
      case "kill":
      case "power":
      case "crash-at-disk":
        this.#strikeServer(fault, random)
        return
      case "client-crash": {
        const actor = random.pick(this.#target.actors.filter(({ name }) => name.startsWith("till")))
        actor.process.stepsLeft = random.int(30)
        return
      }
      case "recovery-crash":
      case "rot":
        return
    }
  }

  #strikeNetwork(fault: Fault, random: Random): void {
    const connection = this.#connection(random)
    if (connection === undefined) return
    switch (fault) {
      case "cut":
        connection.reset("cut")
        return
      case "duplicate":
        connection.duplicate()
        return
      case "lost-answer":
        connection.cutOnAnswer()
        return
      case "lose":
        if (random.chance(0.7)) connection.toClient.lost = true
        if (random.chance(0.7)) connection.toServer.lost = true
        return
      case "delay": {
        const pipe = random.pick([connection.toClient, connection.toServer])
        pipe.extraMs = random.pick([50, 500, 2_000])
        this.#target.world.after(random.delay(1_000), () => {
          pipe.extraMs = 0
        })
        return
      }
      default:
        connection.toClient.pause()
        this.#target.world.after(random.delay(2_000), () => connection.toClient.resume())
    }
  }

  #strikeDisk(fault: "slow-disk" | "full", random: Random): void {
    const { world, disk } = this.#target
    if (fault === "full") {
      disk.full = true
      world.after(random.delay(1_500), () => {
        disk.full = false
      })
      return
    }
    disk.slowMs = random.pick([20, 200, 1_000])
    world.after(random.delay(1_500), () => {
      disk.slowMs = 0
    })
  }

  #strikeServer(fault: "kill" | "power" | "crash-at-disk", random: Random): void {
    const { server, disk } = this.#target
    const power = fault === "power" || (fault === "crash-at-disk" && random.chance(0.5))
    const crash = () => server.end(power)
    if (fault === "crash-at-disk") {
      disk.crashAt = { left: random.int(25), before: random.chance(0.5), crash }
      return
    }
    const { process } = server
    if (process === undefined) return
    process.onEnd = crash
    process.stepsLeft = random.int(60)
  }

  /** The next movement of money in a shard throws, whatever asked for it; or the next side of a transfer. */
  #plantDefect(random: Random): void {
    const { running } = this.#target.server
    if (running === undefined) return
    const shard = random.pick(running.engine.lane.ledger.shards)
    const { accounts } = shard
    const { apply, purchase, recharge } = accounts
    const onlyTransfers = random.chance(0.5)
    const strike = (): never => {
      Object.assign(accounts, { apply, purchase, recharge })
      throw new RangeError("a defect, planted")
    }
    accounts.apply = (postings) => {
      const isTransfer = postings.accounts.subarray(0, postings.count).includes(Account.inTransit)
      if (!onlyTransfers || isTransfer) strike()
      apply.call(accounts, postings)
    }
    if (!onlyTransfers) accounts.purchase = accounts.recharge = strike
  }

  /** The server is down: what befalls its disk meanwhile, and the start that follows. */
  #atRest(): void {
    const random = this.#random.fork(`rest ${this.#target.server.starts}`)
    const rots = random.chance(0.5)
    const crashes = random.chance(0.3)
    const steps = random.int(80)
    if (this.#over) return
    if (rots && this.#known.has("rot")) {
      const what = this.#target.disk.rot()
      if (what !== undefined) this.#trace.add("fault", what)
    }
    if (crashes && this.#known.has("recovery-crash")) {
      this.#target.server.crashAtStart = steps
      this.#trace.add("fault", `recovery-crash after ${steps} steps`)
    }
  }
}
