/** A running engine on a disk in memory, and a seat that submits records and keeps its answers. */
import { Journal, KeyRing, type MemoryDisk, Snapshots, Storage } from "@millrace/journal"
import type { Command, Ledger } from "@millrace/ledger"
import {
  decodeOutcome,
  encodeRecord,
  Kind,
  OUTCOME_BYTES,
  type Outcome,
  RECORD_BYTES,
  type RecordInput,
} from "@millrace/protocol"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { defaultEngineOptions, Engine, type EngineOptions } from "../src/index.ts"

export const smallOptions: EngineOptions = {
  ...defaultEngineOptions,
  shards: 4,
  rememberedTransactions: 2 ** 13,
  mailboxRecordsMax: 256,
  turnRecordsMax: 64,
  seatsMax: 16,
}

export const currency = 840
export const terminal = 1001
export const merchant = 7
export const firstCard = 6_000_000_000_000_001n
export const cards = 64
export const openingBalance = 10_000

export interface Lab {
  readonly engine: Engine["Service"]
  readonly journal: Journal["Service"]
  /** Leaves the disk as a crash would: nothing more is written by this engine. */
  readonly stop: () => Promise<void>
}

/** Starts an engine; it is stopped by `stop`, or left running for a crash of the disk under it. */
export const start = async (
  disk: MemoryDisk,
  options: Partial<EngineOptions> = {},
  segmentBytes = 1 << 20,
): Promise<Lab> => {
  const storage = Storage.disk(disk)
  const room = Layer.mergeAll(Journal.layer({ segmentBytes }), Snapshots.layer()).pipe(
    Layer.provideMerge(KeyRing.layer()),
    Layer.provideMerge(storage),
  )
  const layer = Engine.layer({ ...smallOptions, ...options }).pipe(
    Layer.provideMerge(room),
    // Planted defects would fill the test's output.
    Layer.provide(Logger.layer([])),
  )
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const lab = { engine: Context.get(context, Engine), journal: Context.get(context, Journal) }
  return { ...lab, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

export const provision = async ({ engine }: Lab): Promise<void> => {
  const commands: ReadonlyArray<Command> = [
    {
      type: "merchant",
      by: "test",
      number: merchant,
      name: "Corner shop",
      currency,
      feeBasisPoints: 150,
      floatLimit: 2 ** 50,
    },
    { type: "terminals", by: "test", first: terminal, count: 4, merchant },
    { type: "cards", by: "test", first: firstCard, count: cards, currency, openingBalance },
  ]
  for (const command of commands) {
    const result = await Effect.runPromise(engine.control(command))
    if (!result.ok) throw new Error(result.message)
  }
}

/** A connection without a socket. */
export class Caller {
  readonly answers: Array<Outcome> = []
  readonly #lab: Lab
  readonly seat: number
  #held: { view: DataView; at: number; count: number } | undefined
  #waiting: { readonly count: number; readonly done: () => void } | undefined

  constructor(lab: Lab) {
    this.#lab = lab
    this.seat = lab.engine.lane.takeSeat({
      begin: () => {},
      outcomes: (bytes, at, count) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        for (let i = 0; i < count; i++) this.answers.push(decodeOutcome(view, at + i * OUTCOME_BYTES))
      },
      end: () => {
        if (this.#waiting !== undefined && this.answers.length >= this.#waiting.count) this.#waiting.done()
      },
      room: () => this.#offer(),
    })
  }

  send(records: ReadonlyArray<RecordInput>): void {
    const bytes = new Uint8Array(records.length * RECORD_BYTES)
    const view = new DataView(bytes.buffer)
    records.forEach((record, i) => void encodeRecord(record, view, i * RECORD_BYTES))
    this.#held = { view, at: 0, count: records.length }
    this.#offer()
  }

  /** Sends and waits for as many answers; they come in the order in which each shard decided. */
  async ask(records: ReadonlyArray<RecordInput>): Promise<ReadonlyArray<Outcome>> {
    const from = this.answers.length
    this.send(records)
    await this.until(from + records.length)
    return this.answers.slice(from)
  }

  until(count: number): Promise<void> {
    if (this.answers.length >= count) return Promise.resolve()
    return new Promise((done) => {
      this.#waiting = { count, done }
    })
  }

  #offer(): void {
    const held = this.#held
    if (held === undefined || held.count === 0) return
    const taken = this.#lab.engine.lane.submit(this.seat, held.view, held.at, held.count)
    held.at += taken * RECORD_BYTES
    held.count -= taken
  }
}

export const purchase = (reference: bigint, card: bigint, amount: number): RecordInput => ({
  kind: Kind.purchase,
  reference,
  card,
  amount,
  terminal,
  currency,
})

/** Traffic over all kinds, the same for the same seed; references follow each other. */
export const traffic = (seed: number, count: number, from = 1n): Array<RecordInput> => {
  let state = seed >>> 0
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const records: Array<RecordInput> = []
  for (let i = 0; i < count; i++) {
    const base = { terminal: terminal + random(3), currency, reference: from + BigInt(i) }
    const card = firstCard + BigInt(random(cards + 2))
    const earlier = records[random(Math.max(1, records.length))]
    const dice = random(10)
    if (dice < 5 || earlier === undefined) {
      records.push({ ...base, kind: Kind.purchase, card, amount: 1 + random(900) })
    } else if (dice < 7) records.push({ ...base, kind: Kind.recharge, card, amount: 1 + random(900) })
    else if (dice === 7) records.push({ ...base, kind: Kind.balance, card, amount: 0 })
    else {
      const of = { terminal: earlier.terminal, card: earlier.card, original: earlier.reference }
      const kind = dice === 8 ? Kind.refund : Kind.reversal
      records.push({ ...base, ...of, kind, amount: kind === Kind.refund ? 1 + random(300) : 0 })
    }
  }
  return records
}

/** The whole state as bytes: every image, and the slots that are remembered. */
export const stateOf = ({ engine }: Lab): Buffer => {
  const { ledger } = engine.lane
  const pieces: Array<Uint8Array> = []
  for (const image of ledger.freeze()) {
    for (let piece = image.next(); piece !== null; piece = image.next()) pieces.push(piece.slice())
  }
  ledger.thaw()
  for (const slots of ledger.slots(ledger.next - ledger.memory.live, ledger.next)) pieces.push(slots.slice())
  return Buffer.concat(pieces)
}

/** Every movement of money in the shard throws from here on. */
export const plantDefect = ({ accounts }: Ledger["shards"][number]): void => {
  const defect = () => {
    throw new Error("a defect, planted")
  }
  accounts.apply = defect
  accounts.purchase = defect
  accounts.recharge = defect
}
