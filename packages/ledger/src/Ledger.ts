// One lane's ledger: its scheme, its memory and its shards, and every way in and out of them.
import { CARD_BYTES, type MemoryAhead } from "./CardTable.ts"
import { type Command, commandProblem, encodeCommand } from "./Command.ts"
import { Decider } from "./Decider.ts"
import { Defect, ImageRefused, JournalGap } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { type ImageSource, sourceOf } from "./Image.ts"
import { isPowerOfTwo, SHARDS_MAX, TRANSACTIONS_DEFAULT } from "./limits.ts"
import { Memory } from "./Memory.ts"
import { Periodic } from "./Periodic.ts"
import { type ControlResult, Provisioner } from "./Provisioner.ts"
import { ShardRebuild } from "./Rebuild.ts"
import { Replayer } from "./Replay.ts"
import { Scheme } from "./Scheme.ts"
import { Shard } from "./Shard.ts"
import { SLOT_WORDS, slotWords } from "./Slot.ts"
import { type AccountTotals, auditShard, type PurseAudit, shardImbalance, sumTotals } from "./totals.ts"
import { type CardView, type TerminalTotals, type TransactionView, Views } from "./Views.ts"

export interface LedgerOptions {
  /** A power of two from 1 to 64; it can't change once there are cards. */
  readonly shards: number
  /** Slots of the exactly-once memory, a power of two; like `shards` it can't change once there is a journal. Default 2^24. */
  readonly transactions?: number
  /** False: every request is judged in the general way, slower and to the same bytes. For tests that compare. Default true. */
  readonly plain?: boolean
  /** Of the memory's hash: a number that senders don't know. No decision depends on it. Default 0. */
  readonly salt?: number
}

/** Commands after which something may be due on cards today. */
const mayBeDue: ReadonlySet<Command["type"]> = new Set(["product", "calendar", "fund", "lifecycle"])

const SCHEME_IMAGE = "scheme"
const shardImage = (shard: number): string => `shard-${shard}`

/**
 * Synchronous and deterministic: the same calls give the same slots, on any machine. Time comes in with the batch.
 *
 * | to begin | calls |
 * |---|---|
 * | anew | none |
 * | from a journal alone | `resume(1)`, `replay` every block |
 * | from a snapshot | `restore` every piece, `resume(from)`, `remember` the slots up to the snapshot's position, `replay` those after |
 */
export class Ledger {
  readonly scheme = new Scheme()
  readonly memory: Memory
  readonly #shards: Array<Shard>
  readonly #decider: Decider
  readonly #provisioner: Provisioner
  readonly #periodic: Periodic
  readonly #views: Views
  readonly #replayer: Replayer
  /** Is told what memory the cards will need next. */
  memoryAhead: MemoryAhead = () => {}
  /** The last slot whose effects came from images. */
  #imagePosition = 0
  #frozen = false

  constructor(options: LedgerOptions) {
    const { shards, transactions = TRANSACTIONS_DEFAULT, plain = true, salt = 0 } = options
    if (!isPowerOfTwo(shards, 1, SHARDS_MAX)) {
      throw new RangeError(`shards must be a power of two from 1 to ${SHARDS_MAX}, not ${shards}`)
    }
    this.memory = new Memory(transactions, this.scheme.terminals, salt)
    const ahead: MemoryAhead = (words) => this.memoryAhead(words)
    this.#shards = Array.from({ length: shards }, (_, shard) => new Shard(shard, shards, ahead))
    const current = () => this.#shards
    this.#decider = new Decider(this.scheme, this.memory, current, plain)
    this.#provisioner = new Provisioner(this.scheme, current)
    this.#periodic = new Periodic(this.scheme, this.memory, current)
    this.#replayer = new Replayer(this.memory, this.#decider, this.#provisioner, this.#periodic, current)
    this.#views = new Views(this.scheme, this.memory, current)
  }

  get shards(): ReadonlyArray<Shard> {
    return this.#shards
  }

  /** The shard that owns a card. */
  shardOf(cardLo: number, cardHi: number): number {
    return numberHash(cardLo, cardHi) & (this.#shards.length - 1)
  }

  /** The sequence that the next slot gets; the first is 1. */
  get next(): number {
    return this.memory.next
  }

  /**
   * Decides the record whose 16 words begin at `at` of `request`, applies it, and writes the 8 words of its outcome at
   * `outAt` of `out`. Returns 1 when slots were journaled, 0 when it was answered without. The outcome may go out only
   * when every slot before `next` is durable: also that of a repeat, whose first answer may not be durable yet.
   *
   * Throws only on a defect: then nothing was journaled, nothing of the request is in the memory, and the shard must
   * be rebuilt.
   *
   * @param time of the batch, ms since the epoch
   */
  decide(
    shard: number,
    time: number,
    request: Uint32Array,
    at: number,
    out: Uint32Array,
    outAt: number,
  ): number {
    this.readAhead(shard, request, at, 1)
    return this.decideAhead(shard, time, request, at, out, outAt, 0)
  }

  /** The same for the request at `place` (from 0) among those that were read ahead since the last command. */
  decideAhead(
    shard: number,
    time: number,
    request: Uint32Array,
    at: number,
    out: Uint32Array,
    outAt: number,
    place: number,
  ): number {
    return this.#decider.decide(this.#shards[shard], time, request, at, out, outAt, place) === 0 ? 0 : 1
  }

  /** After a throw of `decide`: another shard that must be rebuilt as well, since a transfer may have changed it; −1: none. */
  get otherSideOfDefect(): number {
    return this.#decider.otherSideOfDefect
  }

  /** Reads ahead for up to READ_AHEAD_MAX requests that lie behind each other at `at` and will be decided next. */
  readAhead(shard: number, request: Uint32Array, at: number, count: number): void {
    this.#decider.readAhead(this.#shards[shard], request, at, count)
  }

  /**
   * Journals what is due at `time` without anybody's asking: holds that ran out, bonus, dormant fees, expired purses. At
   * most `slotsMax` slots; returns how many. What is left comes with the next call.
   */
  tick(time: number, slotsMax: number): number {
    return this.#periodic.tick(time, slotsMax)
  }

  /** Carries out a command and journals it. A refusal is a value and changes nothing. A throw is a defect of the lane. */
  control(time: number, command: Command): ControlResult {
    const problem = commandProblem(command)
    if (problem !== undefined) return { ok: false, code: "bad-message", message: problem }
    const resolution = this.#provisioner.resolve(time, command)
    if (!resolution.ok) return resolution
    const slots = encodeCommand(resolution.command)
    if (slots === undefined || slots.length / SLOT_WORDS > this.memory.rememberedMax) {
      return { ok: false, code: "bad-message", message: "the command is too long" }
    }
    this.#provisioner.apply(time, resolution.command)
    for (let at = 0; at < slots.length; at += SLOT_WORDS) this.memory.append(slots, at)
    if (mayBeDue.has(command.type)) this.#periodic.again()
    return resolution.result
  }

  /** The bytes of slots `from` up to but without `to`, as one or two views; good until the ring comes round. */
  slots(from: number, to: number): Array<Uint8Array> {
    return this.memory.slots(from, to)
  }

  card(number: bigint): CardView | undefined {
    return this.#views.card(number)
  }

  /** The card's transactions that are remembered, newest first, at most `count`; those of cards that it replaced too. */
  history(number: bigint, count: number): ReadonlyArray<TransactionView> {
    return this.#views.history(number, count)
  }

  /** What became of a request, when it is remembered. */
  find(terminal: number, reference: bigint): TransactionView | undefined {
    return this.#views.find(terminal, reference)
  }

  terminalTotals(number: number): TerminalTotals | undefined {
    return this.#views.terminalTotals(number)
  }

  // ---- recovery

  /** Takes one piece of an image. Throws ImageRefused. */
  restore(name: string, piece: Uint8Array): void {
    const shard = this.#shards.find((candidate) => shardImage(candidate.number) === name)
    if (name === SCHEME_IMAGE) this.scheme.restore(name, piece)
    else if (shard !== undefined) shard.restore(name, piece)
    else throw new ImageRefused(name, `there are ${this.#shards.length} shards and no such image`)
  }

  /**
   * All images are restored, or there are none; the journal will be handed over from slot `from`, which must be far
   * enough back to fill the memory as it was. Throws ImageRefused when an image is not whole or not of the same moment
   * as the others, JournalGap when `from` comes too late.
   */
  resume(from: number): void {
    const head = this.scheme.restored(SCHEME_IMAGE)
    for (const shard of this.#shards) {
      const name = shardImage(shard.number)
      const position = shard.restored(name)
      if (position !== head?.position) {
        throw new ImageRefused(name, `is of slot ${position}, the scheme of slot ${head?.position}`)
      }
      if (shardImbalance(this.scheme, shard) !== 0)
        throw new ImageRefused(name, "its accounts do not add up to 0")
    }
    if (head !== undefined && head.shards !== this.#shards.length) {
      throw new ImageRefused(SCHEME_IMAGE, `is of ${head.shards} shards, not ${this.#shards.length}`)
    }
    if (head !== undefined && head.transactions !== this.memory.capacity) {
      // With fewer, what was remembered would be neither remembered nor refused; with more, what was refused would not be.
      const was = `was made with ${head.transactions} remembered transactions`
      throw new ImageRefused(SCHEME_IMAGE, `${was}, not ${this.memory.capacity}: start with that number`)
    }
    this.#imagePosition = head?.position ?? 0
    const remembered = head === undefined ? 0 : this.memory.rememberedMax
    const needed = Math.max(1, this.#imagePosition + 1 - remembered)
    if (from > needed) throw new JournalGap(needed, from, "filling the memory")
    this.memory.begin(from)
  }

  /** Slots up to the images' position: they only fill the memory. Throws JournalGap. */
  remember(payload: Uint8Array, first: number): void {
    if (first !== this.memory.next) throw new JournalGap(this.memory.next, first, "filling the memory")
    const words = slotWords(payload)
    if (first + words.length / SLOT_WORDS - 1 > this.#imagePosition) {
      throw new JournalGap(this.#imagePosition, first, "remembering what must be replayed")
    }
    this.#replayer.remember(words)
  }

  /**
   * Slots after the images' position: each is decided again, applied, and compared with what was journaled. Throws
   * ReplayDiverged and JournalGap; the ledger is then good for nothing.
   */
  replay(time: number, payload: Uint8Array, first: number): void {
    if (this.memory.next <= this.#imagePosition) {
      throw new JournalGap(this.memory.next, first, "the memory is not filled up to the images' position")
    }
    this.#replayer.replay(time, payload, first)
  }

  /** Makes one shard anew beside the old one. Until it is swapped in nothing may be decided for it. */
  rebuild(shard: number): ShardRebuild {
    const fresh = new Shard(shard, this.#shards.length)
    this.#shards[shard].up = false
    return new ShardRebuild(fresh, shardImage(shard), this.scheme, (rebuilt, next) => {
      if (next !== this.memory.next) throw new JournalGap(next, this.memory.next, `rebuilding shard ${shard}`)
      if (shardImbalance(this.scheme, rebuilt) !== 0) throw new Defect(`shard ${shard} does not balance`)
      this.#shards[shard] = rebuilt
    })
  }

  // ---- snapshots

  /** Images of scheme and shards as of slot `next − 1`, to be pulled piece by piece while decisions go on. */
  freeze(): ReadonlyArray<ImageSource> {
    if (this.#frozen) throw new Defect("the ledger is frozen already")
    this.#frozen = true
    const position = this.memory.next - 1
    const { currencies, count } = this.scheme.merchants
    const scheme = this.scheme.freeze(position, this.#shards.length, this.memory.capacity)
    return [
      sourceOf(SCHEME_IMAGE, scheme),
      ...this.#shards.map((shard) =>
        sourceOf(shardImage(shard.number), shard.freeze(position, currencies.length, count)),
      ),
    ]
  }

  /** About what the images have together: nearly all of it is cards. */
  get imageBytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.cards.count * CARD_BYTES, 0)
  }

  /** Ends a freeze, whether its images were read to their end or not. */
  thaw(): void {
    this.#frozen = false
    this.scheme.thaw()
    for (const shard of this.#shards) shard.thaw()
  }

  // ---- what must hold

  /** The accounts of all shards and of each, named `account.currency`; the sum of each is 0. */
  totals(): AccountTotals & { readonly shards: ReadonlyArray<AccountTotals> } {
    return sumTotals(this.scheme, this.#shards)
  }

  /** How far the accounts of a shard are from adding up to 0, all currencies apart. */
  imbalance(shard: number): number {
    return shardImbalance(this.scheme, this.#shards[shard])
  }

  /** The purses of a shard's cards, added up anew, beside the account that should hold that sum. Reads every card. */
  audit(shard: number): ReadonlyArray<PurseAudit> {
    return auditShard(this.scheme, this.#shards[shard])
  }
}
