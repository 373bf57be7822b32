// An honest session beside the bad ones: traffic without an end, every answer compared with the model.
import { Random } from "./Random.ts"
import { RawConnection } from "./RawConnection.ts"
import type { Server } from "./Server.ts"
import { sleep, until, within } from "./within.ts"
import { type Counts, Player } from "./witness/Player.ts"
import { Scheme, terminalsOf } from "./witness/Scheme.ts"

const roundRecords = 32
/** Between rounds: it must not take the processor from those it stands beside. */
const pauseMs = 5

export class HealthySession {
  readonly violations: Array<string> = []
  readonly counts: Counts = {
    answered: 0,
    inDoubt: 0,
    doneInDoubt: 0,
    rechecked: 0,
    forgotten: 0,
    sequence: 0,
  }
  readonly #connection: RawConnection
  readonly #player: Player
  readonly #scheme: Scheme
  #running = Promise.resolve()
  #rounds = 0
  #ending = false

  private constructor(connection: RawConnection, seed: number) {
    const tell = (text: string) => void this.violations.push(text)
    const load = { batchRecords: 8, batchesInFlight: 2 }
    this.#connection = connection
    this.#player = new Player("healthy", terminalsOf(0), new Random(seed), this.counts, tell, load)
    this.#scheme = new Scheme([this.#player], tell, 0)
  }

  /** Makes merchant 1, four terminals and some cards, and begins. `seed` is that of its traffic. */
  static async begin(server: Server, seed: number): Promise<HealthySession> {
    const connection = await RawConnection.logOn(server.port, server.credential())
    const session = new HealthySession(connection, seed)
    await session.#scheme.make(connection)
    session.#player.attach(connection, (why) => {
      if (!session.#ending) session.violations.push(`it was closed: ${why}`)
    })
    session.#running = session.#run()
    return session
  }

  /** It is answered now, and every answer so far was right. */
  async goesOn(): Promise<void> {
    const rounds = this.#rounds + 2
    await until("the healthy session is answered", () => this.#rounds >= rounds || this.violations.length > 0)
    this.#assertSound()
  }

  /** Compares every balance, every first answer given again, and the accounts; then closes. */
  async end(): Promise<void> {
    this.#ending = true
    await within("the last round", this.#running)
    await within("the second answers", this.#player.recheck(1_000, Number.POSITIVE_INFINITY))
    await within("the balances", this.#player.sweep())
    await this.#scheme.checkAccounts(this.#connection)
    this.#connection.destroy()
    this.#assertSound()
  }

  #assertSound(): void {
    if (this.violations.length > 0) throw new Error(`the healthy session: ${this.violations.join("\n")}`)
  }

  async #run(): Promise<void> {
    while (!this.#ending && (await this.#player.round(roundRecords))) {
      this.#rounds++
      await sleep(pauseMs)
    }
  }
}
