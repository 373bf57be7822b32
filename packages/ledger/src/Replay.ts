// Recovery: a journaled slot is decided again and must give, byte for byte, what was journaled; or it only fills the memory.
import { Kind, OUTCOME_WORDS, RecordWord } from "@millrace/protocol"
import { commandSlots, decodeCommand, encodeCommand } from "./Command.ts"
import { type Decider, READ_AHEAD_MAX } from "./Decider.ts"
import { JournalGap, ReplayDiverged } from "./errors.ts"
import { numberHash } from "./hash.ts"
import type { Memory } from "./Memory.ts"
import type { Periodic } from "./Periodic.ts"
import type { Provisioner } from "./Provisioner.ts"
import type { Shard } from "./Shard.ts"
import {
  isApprovedAt,
  isHistory,
  kindAt,
  responseAt,
  SLOT_KIND_INTERNAL_FROM,
  SLOT_WORDS,
  SlotKind,
  SlotWord,
  slotWords,
} from "./Slot.ts"

export class Replayer {
  readonly #memory: Memory
  readonly #decider: Decider
  readonly #provisioner: Provisioner
  readonly #periodic: Periodic
  readonly #shards: () => ReadonlyArray<Shard>
  readonly #request = new Uint32Array(SLOT_WORDS)
  readonly #outcome = new Uint32Array(OUTCOME_WORDS)
  /** Requests in the row that was read ahead, and how many of them were taken. */
  #ahead = 0
  #taken = 0

  constructor(
    memory: Memory,
    decider: Decider,
    provisioner: Provisioner,
    periodic: Periodic,
    shards: () => ReadonlyArray<Shard>,
  ) {
    this.#memory = memory
    this.#decider = decider
    this.#provisioner = provisioner
    this.#periodic = periodic
    this.#shards = shards
  }

  /** Throws ReplayDiverged and JournalGap; the ledger is then good for nothing. */
  replay(time: number, payload: Uint8Array, first: number): void {
    if (first !== this.#memory.next) throw new JournalGap(this.#memory.next, first, "replaying")
    const words = slotWords(payload)
    const requests = asRequests(words)
    this.#ahead = this.#taken = 0
    for (let at = 0; at < words.length; ) {
      const kind = kindAt(words, at)
      if (kind === SlotKind.control) at += this.#replayCommand(time, words, at)
      else if (kind < SLOT_KIND_INTERNAL_FROM) {
        at += this.#replayTransaction(time, words, at, this.#place(words, requests, at))
      } else if (kind === SlotKind.expired || kind === SlotKind.periodic)
        at += this.#replayPeriodic(time, kind, words, at)
      else
        throw new ReplayDiverged(this.#memory.next, `a slot of kind ${kind} does not follow from any request`)
    }
  }

  /**
   * Slots whose effects came from images. A card names its newest slot already; on the way there it names each one, and
   * the first link leads forward, where nobody follows it.
   */
  remember(words: Int32Array): void {
    const requests = asRequests(words)
    this.#ahead = this.#taken = 0
    for (let at = 0; at < words.length; at += SLOT_WORDS) {
      const kind = kindAt(words, at)
      const shard = this.#shardOf(words, at)
      if (kind < SLOT_KIND_INTERNAL_FROM) {
        this.#decider.remember(shard, words, at, this.#place(words, requests, at))
        continue
      }
      if (isHistory(kind)) this.#memory.chain(shard, this.#cardOf(shard, words, at), 0)
      this.#memory.append(words, at)
    }
  }

  /** The place of the request at `at` among those that were read ahead; where these end, the next ones are. */
  #place(words: Int32Array, requests: Uint32Array, at: number): number {
    if (this.#taken === this.#ahead) {
      this.#ahead = this.#readAhead(words, requests, at)
      this.#taken = 0
    }
    return this.#taken++
  }

  /** Reads ahead for the transactions of one shard that follow each other; what lies between them ends the row. */
  #readAhead(words: Int32Array, requests: Uint32Array, at: number): number {
    const shard = this.#shardOf(words, at)
    let count = 1
    for (let next = at + SLOT_WORDS; count < READ_AHEAD_MAX && next < words.length; next += SLOT_WORDS) {
      if (kindAt(words, next) >= SLOT_KIND_INTERNAL_FROM || this.#shardOf(words, next) !== shard) break
      count++
    }
    this.#decider.readAhead(shard, requests, at, count)
    return count
  }

  #replayTransaction(time: number, words: Int32Array, at: number, place: number): number {
    const request = this.#request
    for (let i = 0; i < SLOT_WORDS; i++) request[i] = words[at + i]
    // The decision lies where the request had its PIN block.
    for (let i = 0; i < 4; i++) request[SlotWord.available + i] = 0
    // A PIN change that was refused keeps no new PIN; any will do to be refused again.
    if (kindAt(words, at) === Kind.pinChange && !isApprovedAt(words, at))
      request[RecordWord.counterpartyLo] = 1
    const sequence = this.#memory.next
    this.#decider.replaying(words[at + SlotWord.terms])
    const shard = this.#shardOf(words, at)
    const slots = this.#decider.decide(shard, time, request, 0, this.#outcome, 0, place)
    this.#decider.replaying(-1)
    if (slots === 0) {
      throw new ReplayDiverged(sequence, `it is answered ${this.#outcome[7] & 0xffff} and journals nothing`)
    }
    for (let i = 0; i < slots; i++) {
      this.#compare(sequence + i, this.#memory.wordOf(sequence + i), words, at + i * SLOT_WORDS)
    }
    return slots * SLOT_WORDS
  }

  #shardOf(words: Int32Array, at: number): Shard {
    const shards = this.#shards()
    const hash = numberHash(words[at + RecordWord.cardLo], words[at + RecordWord.cardHi])
    return shards[hash & (shards.length - 1)]
  }

  #cardOf({ cards }: Shard, words: Int32Array, at: number): number {
    const lo = words[at + RecordWord.cardLo]
    const hi = words[at + RecordWord.cardHi]
    return cards.find(numberHash(lo, hi), lo, hi)
  }

  #replayPeriodic(time: number, kind: number, words: Int32Array, at: number): number {
    const sequence = this.#memory.next
    const shard = this.#shardOf(words, at)
    this.#periodic.replay(time, kind, shard, this.#cardOf(shard, words, at), words, at)
    this.#compare(sequence, this.#memory.wordOf(sequence), words, at)
    return SLOT_WORDS
  }

  #compare(sequence: number, decided: number, words: Int32Array, at: number): void {
    if (at >= words.length) throw new ReplayDiverged(sequence, "the block ends within a decision")
    const ring = this.#memory.ring
    for (let i = 0; i < SLOT_WORDS; i++) {
      if (ring[decided + i] === words[at + i]) continue
      const now = `response ${responseAt(ring, decided)}`
      const then = `response ${responseAt(words, at)}`
      throw new ReplayDiverged(sequence, `byte ${i * 4}: now ${now}, journaled ${then}`)
    }
  }

  #replayCommand(time: number, words: Int32Array, at: number): number {
    const sequence = this.#memory.next
    const command = decodeCommand(words, at)
    if (typeof command === "string") throw new ReplayDiverged(sequence, command)
    const resolution = this.#provisioner.resolve(time, command)
    if (!resolution.ok) throw new ReplayDiverged(sequence, `its command is refused: ${resolution.message}`)
    const encoded = encodeCommand(resolution.command)
    if (encoded?.some((word, i) => word !== words[at + i]) !== false)
      throw new ReplayDiverged(sequence, "its command is resolved in another way")
    this.#provisioner.apply(time, resolution.command)
    const slots = commandSlots(words, at)
    for (let i = 0; i < slots; i++) this.#memory.append(words, at + i * SLOT_WORDS)
    return slots * SLOT_WORDS
  }
}

const asRequests = (words: Int32Array): Uint32Array =>
  new Uint32Array(words.buffer, words.byteOffset, words.length)
