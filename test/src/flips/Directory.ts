// A data directory of a given size in memory, as the real engine writes it, and what is in it.
import { createHash } from "node:crypto"
import { Engine } from "@millrace/engine"
import {
  Journal,
  type JournalError,
  KeyRing,
  MemoryDisk,
  openDirectory,
  type SnapshotInfo,
  Snapshots,
  Storage,
} from "@millrace/journal"
import { type Command, imageVersions, type Ledger, slotVersions } from "@millrace/ledger"
import { encodeRecord, Kind, RECORD_BYTES } from "@millrace/protocol"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import type { Random } from "../Random.ts"

/** Small, so that the one that a flipped bit is in is read quickly. */
const segmentBytes = 4 << 20
const shards = 4
const rememberedTransactions = 2 ** 17
const mailboxRecordsMax = 2 ** 12
const cardsMax = 8_192
const firstCard = 6_000_000_000_000_000n
const currency = 978

export interface Segment {
  readonly path: string
  readonly first: number
  readonly last: number
  /** Of all its payloads, in order. */
  readonly digest: string
  /** Where each block begins, and the bytes that it carries. */
  readonly blocks: ReadonlyArray<{ readonly at: number; readonly payload: number }>
}

export interface Part {
  readonly path: string
  readonly position: number
  readonly name: string
  readonly newest: boolean
  readonly digest: string
}

export interface Written {
  readonly disk: MemoryDisk
  readonly bytes: number
  readonly last: number
  /** The first sequence that a start reads. */
  readonly startFrom: number
  readonly segments: ReadonlyMap<string, Segment>
  readonly parts: ReadonlyMap<string, Part>
  /** The state that a start must come to. */
  readonly state: string
}

const commands: ReadonlyArray<Command> = [
  {
    type: "merchant",
    by: "flips",
    number: 1,
    name: "Corner",
    currency,
    floatLimit: 2 ** 50,
    feeBasisPoints: 90,
  },
  { type: "terminals", by: "flips", first: 1, count: 64, merchant: 1 },
  { type: "cards", by: "flips", first: firstCard, count: cardsMax, currency, openingBalance: 1_000_000 },
]

/** Totals of all accounts and every card's balance. */
export const stateOf = (ledger: Ledger): string => {
  const hash = createHash("sha256")
  const { accounts, sum } = ledger.totals()
  hash.update(`${sum} ${Object.entries(accounts).map(([name, amount]) => `${name}=${amount}`)}`)
  for (let n = 0; n < cardsMax; n++) {
    const card = ledger.card(firstCard + BigInt(n))
    hash.update(`${card?.balance} ${card?.held} ${card?.status};`)
  }
  return hash.digest("hex")
}

export const rooms = (disk: MemoryDisk, readOnly: boolean) =>
  Journal.layer({ segmentBytes, readOnly, content: slotVersions }).pipe(
    Layer.provideMerge(Snapshots.layer({ readOnly, content: imageVersions })),
    Layer.provideMerge(KeyRing.layer({ readOnly })),
    Layer.provideMerge(Layer.effectDiscard(openDirectory({ readOnly, make: { shards } }))),
    Layer.provideMerge(Storage.disk(disk)),
  )

/** The engine on a disk, until the scope closes. */
export const engineOn = (disk: MemoryDisk) =>
  Engine.layer({
    shards,
    rememberedTransactions,
    mailboxRecordsMax,
    turnRecordsMax: 4_096,
    seatsMax: 4,
    snapshotEverySlots: 2 ** 40,
  }).pipe(Layer.provideMerge(rooms(disk, false)), Layer.provide(Logger.layer([])))

/** Batches of every size, so that there are blocks of one page and of many. */
class Sender {
  readonly #engine: Engine["Service"]
  readonly #random: Random
  readonly #seat: number
  readonly #bytes = new Uint8Array(mailboxRecordsMax * RECORD_BYTES)
  #reference = 0n
  #left = 0
  #done = () => {}

  constructor(engine: Engine["Service"], random: Random) {
    this.#engine = engine
    this.#random = random
    this.#seat = engine.lane.takeSeat({
      begin: () => {},
      outcomes: (_, __, count) => {
        this.#left -= count
      },
      end: () => {
        if (this.#left === 0) this.#done()
      },
      room: () => {},
    })
  }

  send(): Promise<void> {
    const random = this.#random
    const count = random.chance(0.1) ? random.between(1, 64) : random.between(500, mailboxRecordsMax)
    const view = new DataView(this.#bytes.buffer)
    for (let n = 0; n < count; n++) {
      const kind = random.chance(0.8) ? Kind.purchase : Kind.recharge
      const card = firstCard + BigInt(random.between(0, cardsMax - 1))
      const reference = ++this.#reference
      const record = {
        kind,
        card,
        reference,
        amount: random.between(1, 900),
        terminal: 1 + (n % 64),
        currency,
      }
      encodeRecord(record, view, n * RECORD_BYTES)
    }
    this.#left = count
    return new Promise((done) => {
      this.#done = done
      if (this.#engine.lane.submit(this.#seat, view, 0, count) !== count) throw new Error("there was no room")
    })
  }
}

/** @param closed ended cleanly, with an end mark; else as SIGKILL leaves it, with a segment that was only prepared */
export const writeDirectory = async (bytes: number, random: Random, closed: boolean): Promise<Written> => {
  const disk = new MemoryDisk()
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(engineOn(disk), scope))
  const engine = Context.get(context, Engine)
  for (const command of commands) {
    const result = await Effect.runPromise(engine.control(command))
    if (!result.ok) throw new Error(result.message)
  }
  const sender = new Sender(engine, random)
  const journal = Context.get(context, Journal)
  // Early and late, so that neither lets go of much of the journal.
  const snapshots = [0.08, 0.85]
  for (let share = 0; share < 1; ) {
    await sender.send()
    share = (await Effect.runPromise(journal.stat)).bytes / bytes
    const [next = 1] = snapshots
    if (share < next || next === 1) continue
    snapshots.shift()
    await Effect.runPromise(engine.snapshot)
  }
  const state = stateOf(engine.lane.ledger)
  const window = engine.lane.ledger.memory.rememberedMax
  const killed = closed ? undefined : disk.copy()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return describeDirectory(killed ?? disk, state, window)
}

const describeDirectory = async (disk: MemoryDisk, state: string, window: number): Promise<Written> => {
  const found = await Effect.runPromise(Effect.provide(contents(window), rooms(disk, true)))
  const bytes = [...disk.files().values()].reduce((sum, file) => sum + file.length, 0)
  return { disk, bytes, state, ...found }
}

/** @param window slots before a snapshot that fill the memory at a start */
const contents = Effect.fnUntraced(function* (window: number) {
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  const { segments } = yield* journal.stat
  const read = new Map<string, Segment>()
  for (const { name, first, last } of segments) {
    const path = `journal/${name}`
    read.set(path, { path, first, last, ...(yield* readSegment(journal, first, last)) })
  }
  const list = yield* snapshots.list
  const parts = new Map<string, Part>()
  for (const info of list) {
    for (const name of info.names) {
      const path = `snapshots/${String(info.position).padStart(20, "0")}/${name}`
      const newest = info === list[list.length - 1]
      const digest = yield* readPart(snapshots, info, name)
      parts.set(path, { path, position: info.position, name, newest, digest })
    }
  }
  const position = list[list.length - 1]?.position ?? 0
  // As recovery reads: what fills the memory before the snapshot, and everything after it.
  const startFrom = Math.max(1, position + 1 - window)
  return { segments: read, parts, last: journal.last, startFrom }
})

/** Digest and blocks of the sequences `first` to `last`. */
export const readSegment = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  first: number,
  last: number,
) {
  const hash = createHash("sha256")
  const blocks: Array<{ readonly at: number; readonly payload: number }> = []
  const pull = yield* journal.read(first, last)
  for (let block = yield* pull; block !== null; block = yield* pull) {
    hash.update(`${block.first} ${block.count} ${block.time};`).update(block.payload)
    blocks.push({ at: block.at, payload: block.payload.length })
  }
  return { digest: hash.digest("hex"), blocks }
})

export const readPart = (
  snapshots: Snapshots["Service"],
  { position }: Pick<SnapshotInfo, "position">,
  name: string,
): Effect.Effect<string, JournalError> =>
  Effect.gen(function* () {
    const hash = createHash("sha256")
    const pull = yield* snapshots.read(position, name)
    for (let piece = yield* pull; piece !== null; piece = yield* pull) hash.update(piece)
    return hash.digest("hex")
  })
