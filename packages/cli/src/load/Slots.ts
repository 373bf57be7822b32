// What one connection has sent and not heard of: a slot for each frame in flight, found again by its references' low bits.
import {
  batchFrameBytes,
  FRAME_HEADER_BYTES,
  FrameType,
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordAt,
  RecordFlag,
  referenceHi,
  referenceLo,
  writeFrameHeader,
} from "@millrace/protocol"
import type { Histogram } from "./Histogram.ts"
import { blankRecord, type Traffic } from "./Traffic.ts"

/** Low bits of a reference that number its record; the rest of the counter tells frames of one millisecond apart. */
const ENTRY_BITS_MAX = 18
const COUNTER_BITS = 22

/** Response codes have at most this number (protocol, ResponseCode). */
const RESPONSES = 128

/** What came back, over all connections. */
export interface Answers {
  readonly responses: Float64Array
  /** First answers given again. */
  duplicates: number
  /** Answers that nobody waited for. */
  strays: number
  /** Two histograms take every latency: of the whole run, and of the second that is running. */
  readonly latency: Histogram
  readonly recent: Histogram
}

export const newAnswers = (latency: Histogram, recent: Histogram): Answers => ({
  responses: new Float64Array(RESPONSES),
  duplicates: 0,
  strays: 0,
  latency,
  recent,
})

export const resetAnswers = (answers: Answers): void => {
  answers.responses.fill(0)
  answers.duplicates = 0
  answers.latency.reset()
  answers.recent.reset()
}

const bitsFor = (count: number): number => Math.ceil(Math.log2(count))

/** Whether so many frames of so many records can be told apart; at most 2^18 records in flight a connection. */
export const slotsFit = (slots: number, batch: number): boolean =>
  bitsFor(slots) + bitsFor(batch) <= ENTRY_BITS_MAX

/**
 * Frames lie one after the other in one buffer, made once. A record's reference is (ms | generation | entry), where
 * entry = slot << batchBits | index: an outcome leads to its slot by a mask and a shift.
 */
export class Slots {
  readonly terminal: number
  readonly batch: number
  readonly count: number
  readonly frameBytes: number
  readonly bytes: Buffer
  readonly #words: Uint32Array
  readonly #batchBits: number
  readonly #entryMask: number
  readonly #generationMax: number
  readonly #baseLo: Uint32Array
  readonly #baseHi: Uint32Array
  /** When the frame was due, ms on the monotonic clock. */
  readonly #due: Float64Array
  /** Records of the slot without an answer; 0: the slot is free. */
  readonly #waiting: Uint32Array
  /** 0: the record waits for its answer. */
  readonly #answered: Uint8Array
  readonly #free: Uint32Array
  #freeHead = 0
  #freeCount: number
  #ms = 0
  #generation = 0
  #resent = false

  constructor(terminal: number, slots: number, batch: number) {
    this.terminal = terminal
    this.batch = batch
    this.count = slots
    this.frameBytes = batchFrameBytes(batch, RECORD_BYTES)
    const memory = new ArrayBuffer(slots * this.frameBytes)
    this.bytes = Buffer.from(memory)
    this.#words = new Uint32Array(memory)
    this.#batchBits = bitsFor(batch)
    const entryBits = this.#batchBits + bitsFor(slots)
    this.#entryMask = 2 ** entryBits - 1
    this.#generationMax = 2 ** (COUNTER_BITS - entryBits) - 1
    this.#baseLo = new Uint32Array(slots)
    this.#baseHi = new Uint32Array(slots)
    this.#due = new Float64Array(slots)
    this.#waiting = new Uint32Array(slots)
    this.#answered = new Uint8Array(slots << this.#batchBits).fill(1)
    this.#free = new Uint32Array(slots)
    const view = new DataView(memory)
    for (let slot = 0; slot < slots; slot++) {
      this.#free[slot] = slot
      writeFrameHeader(view, slot * this.frameBytes, FrameType.batch, batch * RECORD_BYTES, 0)
      const at = this.#recordsAt(slot)
      for (let index = 0; index < batch; index++)
        blankRecord(this.#words, at + index * RECORD_WORDS, terminal)
    }
    this.#freeCount = slots
  }

  /** Slots that no frame is in flight of. */
  get free(): number {
    return this.#freeCount
  }

  /** Records in flight. */
  get unanswered(): number {
    let sum = 0
    for (let slot = 0; slot < this.count; slot++) sum += this.#waiting[slot]
    return sum
  }

  /** The slot that `fill` would take next, or -1. */
  get next(): number {
    return this.#freeCount === 0 ? -1 : this.#free[this.#freeHead]
  }

  /** Takes the next free slot and writes its frame. */
  fill(traffic: Traffic, epochMs: number, due: number): void {
    const slot = this.#free[this.#freeHead]
    this.#freeHead = this.#freeHead + 1 === this.count ? 0 : this.#freeHead + 1
    this.#freeCount--
    this.#advance(epochMs)
    const lo = referenceLo(this.#ms, 0) + this.#generation * (this.#entryMask + 1)
    const hi = referenceHi(this.#ms)
    this.#baseLo[slot] = lo
    this.#baseHi[slot] = hi
    this.#due[slot] = due
    this.#waiting[slot] = this.batch
    const entry = slot << this.#batchBits
    this.#answered.fill(0, entry, entry + this.batch)
    traffic.fill(this.#words, this.#recordsAt(slot), this.batch, lo + entry, hi)
  }

  /** Takes `count` outcomes from byte `at`, at time `now` (ms, monotonic). */
  answer(view: DataView, at: number, count: number, now: number, answers: Answers): void {
    const entryMask = this.#entryMask
    const batchBits = this.#batchBits
    const answered = this.#answered
    const responses = answers.responses
    let slot = -1
    let baseLo = 0
    let baseHi = 0
    // Of one slot in a row: what belongs to the slot is read and written once for all of them.
    let run = 0
    for (const end = at + count * OUTCOME_BYTES; at < end; at += OUTCOME_BYTES) {
      const lo = view.getUint32(at + OutcomeAt.reference, true)
      const entry = lo & entryMask
      if (entry >>> batchBits !== slot) {
        if (run > 0) this.#took(slot, run, now, answers)
        run = 0
        slot = entry >>> batchBits
        // Beyond the last slot nothing is expected, and `answered` has no entry that is 0.
        baseLo = this.#baseLo[slot]
        baseHi = this.#baseHi[slot]
      }
      if (
        answered[entry] !== 0 ||
        baseLo !== lo - entry ||
        baseHi !== view.getUint32(at + OutcomeAt.reference + 4, true)
      ) {
        // After a resend a second answer is what was asked for; otherwise nobody asked.
        if (!this.#resent) answers.strays++
        continue
      }
      answered[entry] = 1
      const word = view.getUint32(at + OutcomeAt.response, true)
      responses[word & (RESPONSES - 1)]++
      answers.duplicates += (word >>> 16) & 1
      run++
    }
    if (run > 0) this.#took(slot, run, now, answers)
  }

  /**
   * After a lost connection: marks what has no answer as a repeat and calls `send` with each such frame, whole. What
   * was answered in it is asked again too, and its second answer ignored.
   */
  resend(send: (frame: Buffer) => void): void {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.#waiting[slot] === 0) continue
      this.#resent = true
      const at = slot * this.frameBytes
      for (let index = 0; index < this.batch; index++) {
        this.bytes[at + FRAME_HEADER_BYTES + index * RECORD_BYTES + RecordAt.flags] = RecordFlag.repeat
      }
      send(this.bytes.subarray(at, at + this.frameBytes))
    }
  }

  /** The next (ms, generation), greater than every one before, whatever the clock does. */
  #advance(epochMs: number): void {
    if (epochMs > this.#ms) {
      this.#ms = epochMs
      this.#generation = 0
    } else if (this.#generation < this.#generationMax) {
      this.#generation++
    } else {
      this.#ms++
      this.#generation = 0
    }
  }

  /** Word index of a slot's first record: header and records are whole words. */
  #recordsAt(slot: number): number {
    return (slot * this.frameBytes + FRAME_HEADER_BYTES) >>> 2
  }

  /** `run` more of the slot's records are answered. */
  #took(slot: number, run: number, now: number, answers: Answers): void {
    record(answers, now - this.#due[slot], run)
    this.#waiting[slot] -= run
    if (this.#waiting[slot] > 0) return
    const tail = this.#freeHead + this.#freeCount
    this.#free[tail < this.count ? tail : tail - this.count] = slot
    this.#freeCount++
  }
}

const record = (answers: Answers, ms: number, times: number): void => {
  answers.latency.record(ms * 1000, times)
  answers.recent.record(ms * 1000, times)
}
