// Real data directories, small and soon made: a ledger decides purchases and recharges, a journal of small segments keeps them.
import { Journal, KeyRing, openDirectory, Snapshots, Storage, type StorageShape } from "@millrace/journal"
import { imageVersions, Ledger, SLOT_BYTES, slotVersions } from "@millrace/ledger"
import { encodeRecord, Kind, OUTCOME_WORDS, RECORD_BYTES } from "@millrace/protocol"
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"

export const currency = 978
export const terminal = 1001
export const firstCard = 6_000_000_000_000_001n
const merchant = 7
const cards = 64

/** The smallest memory: a start from a snapshot needs 13 slots before it. */
export const remembered = 16
/** Five small blocks fill one. */
export const segmentBytes = 24 << 10
export const time = Date.parse("2026-01-31T12:00:00Z")
/** Slots of each block after the first, which has the commands. */
export const blockSlots = 10

const shards = 2

/** An engine's work on one storage, block by block, without its fibers and clocks. */
export class Scribe {
  readonly ledger: Ledger
  readonly #journal: Journal["Service"]
  readonly #snapshots: Snapshots["Service"]
  readonly #scope: Scope.Closeable
  /** Blocks that were written; block n is of n seconds after noon. */
  blocks = 0
  #reference = 0n

  private constructor(
    ledger: Ledger,
    journal: Journal["Service"],
    snapshots: Snapshots["Service"],
    scope: Scope.Closeable,
  ) {
    this.ledger = ledger
    this.#journal = journal
    this.#snapshots = snapshots
    this.#scope = scope
  }

  /** A new directory with a merchant, a terminal and 64 cards. */
  /** With two snapshots, and the journal from what the older one needs. */
  static async withSnapshots(storage: StorageShape) {
    const scribe = await Scribe.begin(storage)
    const taken: Array<number> = []
    for (let n = 0; n < 3; n++) {
      await scribe.write(7)
      taken.push(await scribe.snapshot())
      await scribe.release(2)
    }
    return { scribe, snapshots: taken.slice(1) }
  }

  static async begin(storage: StorageShape): Promise<Scribe> {
    const scope = Scope.makeUnsafe()
    const kept = Layer.succeed(Storage, storage)
    const rooms = Layer.mergeAll(
      Journal.layer({ segmentBytes, content: slotVersions }),
      Snapshots.layer({ content: imageVersions }),
    ).pipe(Layer.provideMerge(KeyRing.layer()), Layer.provideMerge(kept))
    const make = { shards, rememberedTransactions: remembered }
    await Effect.runPromise(
      openDirectory({ make }).pipe(Effect.provideService(Storage, storage), Scope.provide(scope)),
    )
    const context = await Effect.runPromise(Layer.buildWithScope(rooms, scope))
    const scribe = new Scribe(
      new Ledger({ shards, transactions: remembered }),
      Context.get(context, Journal),
      Context.get(context, Snapshots),
      scope,
    )
    const by = "test"
    await scribe.#commit(() => {
      const { ledger } = scribe
      const results = [
        ledger.control(time, {
          type: "merchant",
          by,
          number: merchant,
          name: "Shop",
          currency,
          feeBasisPoints: 150,
          floatLimit: 2 ** 50,
        }),
        ledger.control(time, { type: "terminals", by, first: terminal, count: 4, merchant }),
        ledger.control(time, {
          type: "cards",
          by,
          first: firstCard,
          count: cards,
          currency,
          openingBalance: 10_000,
        }),
      ]
      for (const result of results) if (!result.ok) throw new Error(result.message)
    })
    return scribe
  }

  get last(): number {
    return this.ledger.next - 1
  }

  /** As many blocks more, of `blockSlots` purchases each, one second apart. */
  async write(blocks: number, cents = 100): Promise<void> {
    for (let n = 0; n < blocks; n++) {
      await this.#commit(() => {
        for (let i = 0; i < blockSlots; i++) this.#purchase(cents)
      })
    }
  }

  /** Of this ledger's state, unless a test wants another's. */
  async snapshot(ledger: Ledger = this.ledger): Promise<number> {
    const position = this.last
    const parts = ledger.freeze()
    await Effect.runPromise(this.#snapshots.write(position, parts))
    ledger.thaw()
    return position
  }

  /** Lets go of what the snapshots but the newest `keep` needed, as an engine does. */
  async release(keep: number): Promise<void> {
    await Effect.runPromise(this.#snapshots.prune(keep))
    const [oldest] = await Effect.runPromise(this.#snapshots.list)
    if (oldest === undefined) return
    await Effect.runPromise(this.#journal.release(oldest.position + 1 - this.ledger.memory.rememberedMax))
  }

  close(): Promise<void> {
    return Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }

  #purchase(cents: number): void {
    const bytes = new Uint8Array(RECORD_BYTES)
    const reference = ++this.#reference
    const card = firstCard + (reference % BigInt(cards))
    const record = {
      kind: Kind.purchase,
      reference,
      card,
      amount: cents + Number(reference % 7n),
      terminal,
      currency,
    }
    encodeRecord(record, new DataView(bytes.buffer), 0)
    const shard = this.ledger.shardOf(Number(card & 0xffff_ffffn), Number(card >> 32n))
    const at = time + this.blocks * 1_000
    this.ledger.decide(shard, at, new Uint32Array(bytes.buffer), 0, new Uint32Array(OUTCOME_WORDS), 0)
  }

  async #commit(work: () => void): Promise<void> {
    const first = this.ledger.next
    work()
    const count = this.ledger.next - first
    const parts = this.ledger.slots(first, this.ledger.next).map((part) => part.slice())
    if (parts.reduce((sum, part) => sum + part.length, 0) !== count * SLOT_BYTES) {
      throw new Error("the memory is too small for a block")
    }
    await Effect.runPromise(this.#journal.append({ first, count, time: time + this.blocks * 1_000, parts }))
    this.blocks++
  }
}

export const fileStorage = (directory: string): StorageShape =>
  Effect.runSync(Effect.provide(Effect.service(Storage), Storage.file(directory)))

/** A ledger's state, image by image. */
export const stateOf = (ledger: Ledger): string => {
  const pieces: Array<string> = []
  for (const image of ledger.freeze()) {
    for (let piece = image.next(); piece !== null; piece = image.next()) {
      pieces.push(Buffer.from(piece).toString("base64"))
    }
  }
  ledger.thaw()
  return pieces.join()
}

/** The state that a directory leads to: its newest snapshot, the memory's slots, then every slot decided again. */
export const recoveredState = (storage: StorageShape, masterKey: string): Promise<string> => {
  const kept = Layer.succeed(Storage, storage)
  const rooms = Layer.mergeAll(
    Journal.layer({ readOnly: true, content: slotVersions }),
    Snapshots.layer({ readOnly: true, content: imageVersions }),
  ).pipe(
    Layer.provideMerge(KeyRing.layer({ readOnly: true, masterKey: Redacted.make(masterKey) })),
    Layer.provideMerge(kept),
  )
  const recover = Effect.gen(function* () {
    const journal = yield* Journal
    const snapshots = yield* Snapshots
    const ledger = new Ledger({ shards, transactions: remembered })
    const latest = yield* snapshots.latest
    for (const name of latest?.names ?? []) {
      const pull = yield* snapshots.read(latest?.position ?? 0, name)
      for (let piece = yield* pull; piece !== null; piece = yield* pull) ledger.restore(name, piece)
    }
    const position = latest?.position ?? 0
    const from = Math.max(journal.first, position + 1 - ledger.memory.rememberedMax)
    ledger.resume(from)
    const pull = yield* journal.read(from)
    for (let block = yield* pull; block !== null; block = yield* pull) {
      const skipped = Math.max(0, from - block.first)
      const known = Math.min(block.count, Math.max(skipped, position + 1 - block.first))
      const part = (first: number, to: number) => block.payload.slice(first * SLOT_BYTES, to * SLOT_BYTES)
      if (known > skipped) ledger.remember(part(skipped, known), block.first + skipped)
      if (known < block.count) ledger.replay(block.time, part(known, block.count), block.first + known)
    }
    return stateOf(ledger)
  })
  return Effect.runPromise(Effect.provide(recover, rooms))
}
