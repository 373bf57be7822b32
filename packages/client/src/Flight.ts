// Records that were submitted together and are settled together: their bytes, their outcomes, and how each stands.
import {
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  ResponseCode,
} from "@millrace/protocol"
import type { RecordPins } from "./Pins.ts"

/** How a record stands; what a caller sees at the end is `answered`, `unknown` or `unsent`. */
export const Standing = {
  /** It never left this client. */
  unsent: 0,
  /** Sent on this connection or an earlier one; no answer yet. */
  sent: 1,
  /** Answered 91: nothing was done; it waits to be sent again. */
  again: 2,
  answered: 3,
  /** Sent, and the deadline passed or the client ended; or answered 68 while an earlier sending is in doubt. */
  unknown: 4,
} as const

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class Flight {
  readonly count: number
  readonly records: Uint8Array
  readonly recordView: DataView
  /** 32 bytes for each record, in the records' order; zero where there is no answer. */
  readonly outcomes: Uint8Array
  readonly outcomeView: DataView
  readonly standing: Uint8Array
  /** 1 where an earlier sending of the record may have been done although its answer never came; null for nowhere. */
  #doubtful: Uint8Array | null = null
  readonly #done: (flight: Flight) => void
  /** By unit, until the flight is settled; null for none, which is how most flights are. */
  pins: ReadonlyMap<number, RecordPins> | null
  /** Records not yet answered. */
  open: number
  /** Records before this one have been sent at least once. */
  sentTo = 0
  /** Times that a record of this flight was answered 91. */
  refusals = 0
  settled = false
  /** Why the unknown are unknown. */
  reason: "deadline" | "closed" = "deadline"
  cancelDeadline: () => void = () => {}

  /** Copies the records: they are kept until they are answered. */
  constructor(
    records: Uint8Array,
    done: (flight: Flight) => void,
    pins: ReadonlyMap<number, RecordPins> | null = null,
  ) {
    if (records.length === 0 || records.length % RECORD_BYTES !== 0) {
      throw new RangeError(`${records.length} bytes are not whole records`)
    }
    this.count = records.length / RECORD_BYTES
    this.records = new Uint8Array(records)
    this.recordView = viewOf(this.records)
    this.outcomes = new Uint8Array(this.count * OUTCOME_BYTES)
    this.outcomeView = viewOf(this.outcomes)
    this.standing = new Uint8Array(this.count)
    this.#done = done
    this.pins = pins
    this.open = this.count
  }

  terminal(unit: number): number {
    return this.recordView.getUint32(unit * RECORD_BYTES + RecordAt.terminal, true)
  }
  referenceLo(unit: number): number {
    return this.recordView.getUint32(unit * RECORD_BYTES + RecordAt.reference, true)
  }
  referenceHi(unit: number): number {
    return this.recordView.getUint32(unit * RECORD_BYTES + RecordAt.reference + 4, true)
  }

  /** From now on this record says that it is a repeat. */
  markRepeat(unit: number): void {
    this.records[unit * RECORD_BYTES + RecordAt.flags] |= RecordFlag.repeat
  }

  /** The connection on which it was sent is gone. */
  markDoubtful(unit: number): void {
    this.#doubtful ??= new Uint8Array(this.count)
    this.#doubtful[unit] = 1
  }

  /**
   * Whether an answer settles nothing: 68 says that this request came too late, not what became of an earlier one
   * whose answer was lost.
   */
  leavesDoubt(unit: number, response: number): boolean {
    return response === ResponseCode.tooLate && this.#doubtful?.[unit] === 1
  }

  keep(unit: number, view: DataView, at: number): void {
    const to = unit * OUTCOME_BYTES
    for (let i = 0; i < OUTCOME_BYTES; i += 4) {
      this.outcomeView.setUint32(to + i, view.getUint32(at + i, true), true)
    }
  }

  response(unit: number): number {
    return this.outcomeView.getUint16(unit * OUTCOME_BYTES + OutcomeAt.response, true)
  }

  /** Nothing more will come for this record: what is true of it is written down. */
  giveUp(unit: number): void {
    const standing = this.standing[unit]
    if (standing === Standing.sent) this.standing[unit] = Standing.unknown
    // 91 is an honest answer (nothing was done), unless an earlier sending is in doubt.
    else if (standing === Standing.again) {
      this.standing[unit] = this.#doubtful?.[unit] === 1 ? Standing.unknown : Standing.answered
    }
    if (this.standing[unit] === Standing.unknown) {
      this.outcomes.fill(0, unit * OUTCOME_BYTES, (unit + 1) * OUTCOME_BYTES)
    }
  }

  settle(): void {
    this.settled = true
    this.pins = null
    this.cancelDeadline()
    this.#done(this)
  }
}
