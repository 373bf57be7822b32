// Several connections' traffic over many lives of a process, and everything that must be true of it after each one.

import { Random } from "../Random.ts"
import type { Credential } from "../RawConnection.ts"
import { RawConnection } from "../RawConnection.ts"
import { within } from "../within.ts"
import { type Counts, type Load, Player } from "./Player.ts"
import { Scheme, terminalsOf } from "./Scheme.ts"

/** Generous: whoever shares the machine may hold these processes up. */
export const phaseSecondsMax = 150
const recheckSample = 500

export interface WitnessOptions {
  readonly seed: number
  readonly connections: number
  /** What each connection keeps on its way under load. */
  readonly load: Load
  readonly violation: (text: string) => void
  /** Cards that nobody uses; by default so many that a snapshot takes a while. */
  readonly ballastCards?: number
}

/** Where a server is, and who may talk to it. */
export interface Reachable {
  readonly port: number
  credential(): Credential
}

export class Witness {
  readonly counts: Counts = {
    answered: 0,
    inDoubt: 0,
    doneInDoubt: 0,
    rechecked: 0,
    forgotten: 0,
    sequence: 0,
  }
  readonly scheme: Scheme
  readonly #players: ReadonlyArray<Player>
  readonly #violation: (text: string) => void

  constructor({ seed, connections, load, violation, ballastCards }: WitnessOptions) {
    this.#violation = violation
    this.#players = Array.from({ length: connections }, (_, n) => {
      const random = new Random(seed, n + 1)
      return new Player(`connection ${n}`, terminalsOf(n), random, this.counts, violation, load)
    })
    this.scheme = new Scheme(this.#players, violation, ballastCards)
  }

  get connections(): number {
    return this.#players.length
  }

  get unanswered(): number {
    return this.#players.reduce((sum, player) => sum + player.unanswered, 0)
  }

  /** Logs all players on; `lost` hears of each connection that goes. Rejects when one of them does not come in. */
  async connect(server: Reachable, lost: (why: string) => void): Promise<ReadonlyArray<RawConnection>> {
    const connections: Array<RawConnection> = []
    try {
      for (const player of this.#players) {
        const connection = await RawConnection.logOn(server.port, server.credential())
        connections.push(connection)
        player.attach(connection, lost)
      }
      return connections
    } catch (error) {
      for (const connection of connections) connection.destroy()
      throw error
    }
  }

  /**
   * Everything unanswered again; then every answer of the last life, every card's balance and all accounts are compared.
   * True when everything was looked at; false when the process went away in the middle. `rememberedSlots`: so far back
   * the engine must know each request.
   */
  async settleAndCheck(connections: ReadonlyArray<RawConnection>, rememberedSlots: number): Promise<boolean> {
    const players = this.#players
    const [connection] = connections
    if (!this.scheme.made) await this.scheme.make(connection)
    const phases = [
      () => players.map((player) => player.resend()),
      () => [this.scheme.makeLate(connection)],
      () => [this.scheme.makeAgain(connection)],
      () => players.map((player) => player.recheck(recheckSample, rememberedSlots)),
      () => players.map((player) => player.sweep()),
      () => [this.scheme.checkAccounts(connection)],
    ]
    for (const phase of phases) {
      const ends = await inTime(phase())
      if (ends === undefined) this.#violation(`something stayed unanswered for ${phaseSecondsMax} s`)
      if (ends === undefined || ends.includes(false)) return false
    }
    return true
  }

  /** Full load until the connections end. False when it neither ended nor was answered. */
  async play(): Promise<boolean> {
    return (await inTime(this.#players.map((player) => player.play()))) !== undefined
  }
}

/** What each part came to, or undefined when one of them took too long. */
const inTime = (parts: ReadonlyArray<Promise<boolean>>): Promise<ReadonlyArray<boolean> | undefined> =>
  within("a phase", Promise.all(parts), phaseSecondsMax).catch(() => undefined)
