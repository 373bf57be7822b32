/** One thread's data plane, in plain code: records in, decisions, blocks to be made durable, outcomes out. */
import { payloadBytesMax } from "@millrace/journal"
import {
  COMMAND_BYTES_MAX,
  type Ledger,
  READ_AHEAD_MAX,
  SLOT_BYTES,
  SLOTS_PER_REQUEST_MAX,
} from "@millrace/ledger"
import {
  OUTCOME_WORDS,
  OutcomeWord,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordAt,
  RecordWord,
  ResponseCode,
} from "@millrace/protocol"
import { Mailbox } from "./Mailbox.ts"
import { Outbox } from "./Outbox.ts"
import { type Receiver, Seats } from "./Seats.ts"
import { Sleeper } from "./Sleeper.ts"
import { Tally } from "./Tally.ts"

export interface LaneLimits {
  /** Records that wait for a shard; when it is full its senders' sockets are not read. A power of two. */
  readonly mailboxRecordsMax: number
  /** Records that one shard decides before the others get their turn. */
  readonly turnRecordsMax: number
  readonly seatsMax: number
}

/** What is written as one block: slots `first` up to but without `first + count`, decided at `time` (ms). */
export interface LaneBlock {
  readonly first: number
  readonly count: number
  readonly time: number
  readonly parts: ReadonlyArray<Uint8Array>
}

/** What one block holds: the journal's own limit. */
const blockSlotsMax = Math.floor(payloadBytesMax / SLOT_BYTES)
/** Kept free in each block, so that a command always fits behind transactions. */
const commandSlotsMax = Math.ceil(COMMAND_BYTES_MAX / (SLOT_BYTES - 4)) + 1

/** About a millisecond of the lane's time. */
const TICK_SLOTS_MAX = 256

/**
 * The lane knows no Effect and no I/O. Fibers drive it (Engine.ts): each shard's fiber calls `turn` when it
 * has mail, the committer's calls `seal`, makes the block durable and calls `publish`.
 */
export class Lane {
  readonly seats: Seats
  readonly tally = new Tally()
  readonly #mailboxes: ReadonlyArray<Mailbox>
  readonly #outbox: Outbox
  readonly #undurableMax: number
  readonly #shardSleepers: ReadonlyArray<Sleeper>
  readonly #committer = new Sleeper()
  readonly #down: Array<boolean>
  #halted = false
  #summoned = false
  #sealing = false
  #decided = 0
  /** Batch time of the block being filled; 0 when it is still empty. */
  #time = 0
  #lastTime: number
  #sealed: number
  #outboxSealed = 0
  #durable: number
  readonly #awaitingDurable: Array<{ readonly sequence: number; readonly done: () => void }> = []

  readonly ledger: Ledger
  readonly limits: LaneLimits
  readonly #clock: () => number
  readonly #nextRound: (then: () => void) => void

  /**
   * @param clock milliseconds since the epoch; the lane never lets it run backward
   * @param lastTime batch time of the last journaled block
   * @param nextRound calls back after what this round of the event loop brings in
   */
  constructor(
    ledger: Ledger,
    limits: LaneLimits,
    clock: () => number,
    lastTime: number,
    nextRound: (then: () => void) => void = setImmediate,
  ) {
    this.ledger = ledger
    this.limits = limits
    this.#clock = clock
    this.#nextRound = nextRound
    const shards = ledger.shards.length
    this.seats = new Seats(limits.seatsMax)
    this.#mailboxes = Array.from({ length: shards }, () => new Mailbox(limits.mailboxRecordsMax))
    // Twice what can wait for it: a shard's turn is bounded by the outbox, never dropped for want of it.
    this.#outbox = new Outbox(outcomesMax(shards, limits.mailboxRecordsMax))
    this.#undurableMax = undurableSlotsMax(shards, limits.mailboxRecordsMax)
    this.#shardSleepers = Array.from({ length: shards }, () => new Sleeper())
    this.#down = Array.from({ length: shards }, () => false)
    this.#lastTime = lastTime
    this.#sealed = ledger.next
    this.#durable = ledger.next
  }

  takeSeat(receiver: Receiver): number {
    return this.seats.take(receiver)
  }

  /**
   * Hands `count` records from byte `at` of `view` to the shards that own their cards, in order. Returns how
   * many were taken; with fewer than `count` the seat is told by `room` when to offer the rest again.
   */
  submit(seat: number, view: DataView, at: number, count: number): number {
    let taken = 0
    for (; taken < count; taken++, at += RECORD_BYTES) {
      const shard = this.ledger.shardOf(
        view.getUint32(at + RecordAt.card, true),
        view.getUint32(at + RecordAt.card + 4, true),
      )
      const mailbox = this.#mailboxes[shard]
      if (this.#down[shard]) {
        if (this.#outbox.free === 0) break
        this.#refuse(view, at, ResponseCode.unavailable)
        this.#outbox.push(seat)
      } else {
        if (mailbox.full) break
        mailbox.push(view, at, seat)
      }
    }
    if (taken > 0) {
      this.seats.sent(seat, taken)
      this.summon()
    }
    if (taken < count) this.seats.wait(seat)
    return taken
  }

  /** Wakes the shards that have mail, once, after everything that this round of the event loop brings in. */
  summon(): void {
    if (this.#summoned) return
    this.#summoned = true
    this.#nextRound(() => {
      this.#summoned = false
      for (let shard = 0; shard < this.#mailboxes.length; shard++) {
        if (this.#mailboxes[shard].count === 0) continue
        if (this.#down[shard]) this.#turnAway(shard)
        else this.#shardSleepers[shard].wake()
      }
      this.#summonCommitter()
    })
  }

  /** The shard's fiber sleeps until a summons; with mail that can be decided there is one already. */
  sleep(shard: number, wake: () => void): void {
    this.#shardSleepers[shard].sleep(wake)
    // Without room the disk is behind, and `publish` summons.
    if (this.#mailboxes[shard].count > 0 && this.#room() > 0) this.summon()
  }

  /** A shard decides what is in its mailbox. Throws only when the shard has a defect: it must then restart. */
  turn(shard: number): void {
    if (this.#down[shard]) throw new Error("another shard's transfer failed in this one")
    const mailbox = this.#mailboxes[shard]
    const { words } = mailbox
    const outbox = this.#outbox
    const ledger = this.ledger
    const room = Math.min(mailbox.count, this.limits.turnRecordsMax, this.#room())
    const time = this.now()
    this.#decided += room
    let record = -1
    try {
      for (let left = room; left > 0; ) {
        // The record before was answered: a defect of the reading itself answers nobody.
        record = -1
        const ahead = Math.min(left, READ_AHEAD_MAX, mailbox.run)
        ledger.readAhead(shard, words, mailbox.head * RECORD_WORDS, ahead)
        for (let place = 0; place < ahead; place++) {
          record = mailbox.take()
          ledger.decideAhead(shard, time, words, record * RECORD_WORDS, outbox.words, outbox.at, place)
          outbox.push(mailbox.seats[record])
        }
        left -= ahead
      }
    } catch (defect) {
      // The record that the shard fell over is answered and not tried again; those behind it are turned away.
      if (record >= 0) this.#refuseTaken(mailbox, record, ResponseCode.malfunction)
      const other = this.ledger.otherSideOfDefect
      this.#goDown(shard)
      if (other >= 0 && other !== shard) {
        this.#goDown(other)
        // Its fiber finds out in its turn.
        this.#shardSleepers[other].wake()
      }
      throw defect
    } finally {
      this.#summonCommitter()
    }
    this.seats.room()
  }

  /** What time alone brings about, such as holds that ran out: journaled like decisions, answered to nobody. */
  tick(): void {
    const room = Math.min(TICK_SLOTS_MAX, this.#slotRoom())
    if (this.#halted || room <= 0) return
    if (this.ledger.tick(this.now(), room) > 0) this.#summonCommitter()
    else this.releaseTime()
  }

  /** Control commands, which touch all shards, run between turns and only while every shard is up. */
  get allUp(): boolean {
    return !this.#down.includes(true)
  }

  /** A command fits into the block being filled; when not, one that is on its way to the disk must be there first. */
  get roomForCommand(): boolean {
    return blockSlotsMax - (this.ledger.next - this.#sealed) >= commandSlotsMax
  }

  /** Nothing was journaled since the time was taken: the next block takes its own. */
  releaseTime(): void {
    if (!this.hasWork) this.#time = 0
  }

  /** Nothing is sealed any more: what was decided and is not on its way to the disk is answered to nobody. */
  halt(): void {
    this.#halted = true
  }

  isDown(shard: number): boolean {
    return this.#down[shard]
  }

  /** The shard was rebuilt: it takes mail again. */
  up(shard: number): void {
    this.#down[shard] = false
    this.summon()
  }

  /** The time of the block that is being filled. It never goes back, whatever the clock does. */
  now(): number {
    if (this.#time === 0) {
      this.#time = Math.max(this.#lastTime, this.#clock())
      this.#lastTime = this.#time
    }
    return this.#time
  }

  // --- the committer's side

  /** Registers the committer as asleep; false when there is something to seal. */
  sleepCommitter(wake: () => void): boolean {
    if (this.hasWork) return false
    this.#committer.sleep(wake)
    return true
  }

  get hasWork(): boolean {
    if (this.#halted) return false
    return this.ledger.next > this.#sealed || this.#outbox.tail > this.#outboxSealed
  }

  /** Nothing is decided and unanswered, nothing waits to be decided. */
  get idle(): boolean {
    return (
      this.ledger.next === this.#durable &&
      this.#outbox.count === 0 &&
      this.#mailboxes.every((mailbox) => mailbox.count === 0)
    )
  }

  /** Closes the block being filled. `count` is 0 when only answers wait that journal nothing of their own. */
  seal(): LaneBlock {
    const first = this.#sealed
    const next = this.ledger.next
    const time = this.#time
    this.#time = 0
    this.#sealed = next
    this.#outboxSealed = this.#outbox.tail
    return { first, count: next - first, time, parts: next > first ? this.ledger.slots(first, next) : [] }
  }

  /** The sealed block is durable: its outcomes, and those that were waiting for what it holds, go out. */
  publish(): void {
    this.#durable = this.#sealed
    this.#outbox.publish(this.#outboxSealed, this.seats, this.tally)
    const waiting = this.#awaitingDurable
    while (waiting.length > 0 && waiting[0].sequence < this.#durable) waiting.shift()?.done()
    if (this.hasMail) this.summon()
    this.seats.room()
  }

  /** Every slot before this sequence is durable. */
  get durable(): number {
    return this.#durable
  }

  /** Calls `done` once slot `sequence` is durable (at once when it is). */
  whenDurable(sequence: number, done: () => void): void {
    if (sequence < this.#durable) done()
    else {
      // Sequences are asked for in the order in which they are decided, so the list is in order.
      this.#awaitingDurable.push({ sequence, done })
      this.#summonCommitter()
    }
  }

  /** Records that shards were given to decide so far. */
  get decided(): number {
    return this.#decided
  }

  get hasMail(): boolean {
    return this.#mailboxes.some((mailbox) => mailbox.count > 0)
  }

  get depth(): ReadonlyArray<number> {
    return this.#mailboxes.map((mailbox) => mailbox.count)
  }

  #room(): number {
    return Math.min(this.#outbox.free, Math.floor(this.#slotRoom() / SLOTS_PER_REQUEST_MAX))
  }

  /** Slots that may still be decided before the disk has caught up, and before the block being filled is full. */
  #slotRoom(): number {
    const { next } = this.ledger
    const undurable = this.#undurableMax - (next - this.#durable)
    return Math.min(undurable, blockSlotsMax - commandSlotsMax - (next - this.#sealed))
  }

  #summonCommitter(): void {
    if (this.#sealing) return
    this.#sealing = true
    // After all the turns of this round: one block holds the work of all shards.
    queueMicrotask(() => {
      this.#sealing = false
      if (this.hasWork) this.#committer.wake()
    })
  }

  #goDown(shard: number): void {
    this.#down[shard] = true
    // A transfer to one of its cards from another shard must wait, too.
    this.ledger.shards[shard].up = false
    this.#turnAway(shard)
  }

  #turnAway(shard: number): void {
    const mailbox = this.#mailboxes[shard]
    while (mailbox.count > 0 && this.#outbox.free > 0) {
      this.#refuseTaken(mailbox, mailbox.take(), ResponseCode.unavailable)
    }
  }

  #refuseTaken(mailbox: Mailbox, record: number, response: number): void {
    const at = record * RECORD_WORDS
    const words = mailbox.words
    this.#writeRefusal(
      words[at + RecordWord.referenceLo],
      words[at + RecordWord.referenceHi],
      words[at + RecordWord.terminal],
      response,
    )
    this.#outbox.push(mailbox.seats[record])
  }

  #refuse(view: DataView, at: number, response: number): void {
    this.#writeRefusal(
      view.getUint32(at + RecordAt.reference, true),
      view.getUint32(at + RecordAt.reference + 4, true),
      view.getUint32(at + RecordAt.terminal, true),
      response,
    )
  }

  #writeRefusal(referenceLo: number, referenceHi: number, terminal: number, response: number): void {
    const { words, at } = this.#outbox
    words.fill(0, at, at + OUTCOME_WORDS)
    words[at + OutcomeWord.referenceLo] = referenceLo
    words[at + OutcomeWord.referenceHi] = referenceHi
    words[at + OutcomeWord.terminal] = terminal
    words[at + OutcomeWord.responseFlags] = response
  }
}

const outcomesMax = (shards: number, mailboxRecordsMax: number): number =>
  2 ** Math.ceil(Math.log2(2 * shards * mailboxRecordsMax))

/** Slots that may be decided and not yet durable; the ledger's memory must hold several times as many. */
export const undurableSlotsMax = (shards: number, mailboxRecordsMax: number): number =>
  2 * outcomesMax(shards, mailboxRecordsMax)
