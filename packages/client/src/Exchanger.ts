// All that is not answered yet, and the order in which it goes out: plain code between the callers and a session.
import {
  BATCH_RECORDS_MAX,
  FRAME_HEADER_BYTES,
  FrameType,
  type MessageMap,
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  ResponseCode,
  writeFrameHeader,
} from "@millrace/protocol"
import type { Welcome } from "@millrace/protocol/messages"
import { type Asked, Asking } from "./Asking.ts"
import { Flight, Standing } from "./Flight.ts"
import { InFlight } from "./InFlight.ts"
import { type RecordPins, writePins } from "./Pins.ts"
import type { Session } from "./Session.ts"
import type { Timers } from "./Transport.ts"

/** The pause before a record that was answered 91 goes out again: doubling from the first to the last. */
const AGAIN_MS_MIN = 50
const AGAIN_MS_MAX = 1_000

export interface Stats {
  /** Logged on at this moment. */
  readonly connected: boolean
  /** Records sent and not answered. */
  readonly inFlight: number
  /** Batches and single records that have records not sent yet. */
  readonly waiting: number
  /** Outcomes and answers that came for nothing that waits: after the deadline, mostly. */
  readonly late: number
  /** Records sent again after a connection was lost. */
  readonly repeated: number
  /** Records answered 91 and sent again. */
  readonly again: number
  /** Records of which nobody knows. */
  readonly unknown: number
  /** Connections lost after the first logon. */
  readonly reconnects: number
}

/**
 * Order of sending:
 *
 * | what | when |
 * |---|---|
 * | new records | in the order of their submission, as there is room in flight |
 * | a new message | at once, behind the records that there was room for |
 * | after a new logon | everything sent and unanswered, in that order, with REPEAT, before anything new |
 * | a record answered 91 | alone, after its pause: behind what was sent meanwhile |
 * | a record whose (terminal, reference) is in flight | when the one before it is answered, and all behind it with it |
 */
export class Exchanger {
  readonly #timers: Timers
  readonly #table: InFlight
  readonly #deadlineMs: number
  /** Unanswered, in the order of submission: a Set keeps it and forgets in constant time. */
  readonly #unanswered = new Set<Flight | Asked>()
  /** Flights with records not sent yet, from #head on. */
  #queue: Array<Flight> = []
  #head = 0
  readonly asking: Asking
  /** Cancels of the pauses after 91: a timer left behind would hold the process up. */
  readonly #pauses = new Set<() => void>()
  #session: Session | null = null
  #window: number
  #pumpAsked = false
  #closed: string | null = null
  late = 0
  repeated = 0
  again = 0
  unknown = 0
  reconnects = 0
  readonly #frame = new Uint8Array(FRAME_HEADER_BYTES + BATCH_RECORDS_MAX * RECORD_BYTES)
  readonly #frameView = new DataView(this.#frame.buffer)
  #frameRecords = 0
  #batchRecordsMax = BATCH_RECORDS_MAX
  #correlation = 0

  constructor(options: { inFlightMax: number; deadlineMs: number; timers: Timers }) {
    this.#timers = options.timers
    this.#table = new InFlight(options.inFlightMax)
    this.#window = options.inFlightMax
    this.#deadlineMs = options.deadlineMs
    this.asking = new Asking({
      timers: options.timers,
      add: (asked) => {
        // What was submitted before goes out before, as far as there is room.
        this.#pump()
        this.#unanswered.add(asked)
        if (this.#session === null) return
        this.#session.send(asked.frame(this.#session.seal))
        asked.sent = true
      },
      remove: (asked) => this.#unanswered.delete(asked),
      late: () => {
        this.late++
      },
    })
  }

  get closed(): string | null {
    return this.#closed
  }

  get stats(): Stats {
    const { late, repeated, again, unknown, reconnects } = this
    const waiting = this.#queue.length - this.#head
    const connected = this.#session !== null
    return { connected, inFlight: this.#table.size, waiting, late, repeated, again, unknown, reconnects }
  }

  /** Takes records; `done` is called once, when each is answered or given up. Not to be called when closed. */
  submit(
    records: Uint8Array,
    done: (flight: Flight) => void,
    deadlineMs = this.#deadlineMs,
    pins: ReadonlyMap<number, RecordPins> | null = null,
  ): Flight {
    const flight = new Flight(records, done, pins)
    flight.cancelDeadline = this.#timers.after(deadlineMs, () => this.#giveUp(flight, "deadline"))
    this.#unanswered.add(flight)
    this.#queue.push(flight)
    this.#askPump()
    return flight
  }

  /** Nobody waits for this flight any more: its answers will be counted as late. */
  abandon(flight: Flight): void {
    if (!flight.settled) this.#giveUp(flight, "closed")
  }

  /** A session was welcomed: what is unanswered goes out again, then what waits. */
  attach(session: Session, welcome: Welcome): void {
    this.#session = session
    this.#window = Math.max(1, Math.min(this.#table.capacity, welcome.limits.recordsInFlightMax))
    this.#batchRecordsMax = Math.max(1, Math.min(BATCH_RECORDS_MAX, welcome.limits.batchRecordsMax))
    for (const item of this.#unanswered) {
      if (item instanceof Flight) {
        for (let unit = 0; unit < item.sentTo; unit++) {
          if (item.standing[unit] === Standing.sent) {
            this.repeated++
            item.markRepeat(unit)
            this.#write(item, unit)
          }
        }
      } else {
        this.#flush()
        session.send(item.sent ? item.repeatFrame(session.seal) : item.frame(session.seal))
        item.sent = true
      }
    }
    this.#flush()
    this.#askPump()
  }

  /** The session is gone: what was sent on it may have been done. */
  detach(): void {
    if (this.#session === null) return
    this.#session = null
    this.#frameRecords = 0
    for (const item of this.#unanswered) {
      if (!(item instanceof Flight)) continue
      for (let unit = 0; unit < item.sentTo; unit++) {
        if (item.standing[unit] === Standing.sent) item.markDoubtful(unit)
      }
    }
  }

  /** Ends everything: what is unanswered becomes unknown, and nothing more is taken. */
  close(why: string): void {
    if (this.#closed !== null) return
    this.#closed = why
    this.detach()
    for (const item of [...this.#unanswered]) {
      if (item instanceof Flight) this.#giveUp(item, "closed")
      else this.asking.giveUp(item, "closed")
    }
    for (const cancel of this.#pauses) cancel()
    this.#pauses.clear()
    this.#queue = []
    this.#head = 0
  }

  outcomes(view: DataView, at: number, count: number): void {
    for (let i = 0; i < count; i++) this.#outcome(view, at + i * OUTCOME_BYTES)
    this.#askPump()
  }

  answer(correlation: number, map: MessageMap): void {
    this.asking.answer(correlation, map)
  }

  #outcome(view: DataView, at: number): void {
    const terminal = view.getUint32(at + OutcomeAt.terminal, true)
    const lo = view.getUint32(at + OutcomeAt.reference, true)
    const hi = view.getUint32(at + OutcomeAt.reference + 4, true)
    const flight = this.#table.find(terminal, lo, hi)
    if (flight === null) {
      this.late++
      return
    }
    const unit = this.#table.unit
    // A second answer to the sending that 91 has answered already: the pause goes on.
    if (flight.standing[unit] !== Standing.sent) {
      this.late++
      return
    }
    flight.keep(unit, view, at)
    const response = flight.response(unit)
    if (response === ResponseCode.unavailable) {
      this.#sendAgain(flight, unit)
      return
    }
    const doubt = flight.leavesDoubt(unit, response)
    if (doubt) this.unknown++
    flight.standing[unit] = doubt ? Standing.unknown : Standing.answered
    this.#table.remove(terminal, lo, hi)
    flight.open--
    if (flight.open === 0) this.#settle(flight)
  }

  /** 91: nothing was done. After a pause the record goes out again, unless its deadline comes first. */
  #sendAgain(flight: Flight, unit: number): void {
    flight.standing[unit] = Standing.again
    const pause = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** Math.floor(flight.refusals++ / flight.count))
    const cancel = this.#timers.after(pause, () => {
      this.#pauses.delete(cancel)
      if (flight.settled) return
      this.again++
      flight.markRepeat(unit)
      flight.standing[unit] = Standing.sent
      // Without a session it waits for the next one, like everything that is sent and unanswered.
      if (this.#session === null) return
      this.#write(flight, unit)
      this.#askPump()
    })
    this.#pauses.add(cancel)
  }

  #giveUp(flight: Flight, reason: "deadline" | "closed"): void {
    if (flight.settled) return
    flight.reason = reason
    for (let unit = 0; unit < flight.sentTo; unit++) {
      const standing = flight.standing[unit]
      if (standing !== Standing.sent && standing !== Standing.again) continue
      this.#table.remove(flight.terminal(unit), flight.referenceLo(unit), flight.referenceHi(unit))
      flight.giveUp(unit)
      if (flight.standing[unit] === Standing.unknown) this.unknown++
    }
    this.#settle(flight)
    this.#askPump()
  }

  #settle(flight: Flight): void {
    this.#unanswered.delete(flight)
    flight.settle()
  }

  /** All that is submitted in one turn goes out in one write. */
  #askPump(): void {
    if (this.#pumpAsked) return
    this.#pumpAsked = true
    queueMicrotask(() => {
      this.#pumpAsked = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#session !== null) {
      while (this.#head < this.#queue.length && this.#sendFrom(this.#queue[this.#head])) this.#head++
      this.#flush()
    } else {
      while (this.#head < this.#queue.length && this.#queue[this.#head].settled) this.#head++
    }
    // What has gone out is let go once it is half of the queue: each flight is moved at most once in the mean.
    if (this.#head > 0 && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  /** Sends what there is room for; true when nothing of the flight is left to send. */
  #sendFrom(flight: Flight): boolean {
    if (flight.settled) return true
    const from = flight.sentTo
    const end = Math.min(flight.count, from + this.#window - this.#table.size)
    let unit = from
    while (
      unit < end &&
      this.#table.add(flight.terminal(unit), flight.referenceLo(unit), flight.referenceHi(unit), flight, unit)
    ) {
      flight.standing[unit++] = Standing.sent
    }
    flight.sentTo = unit
    this.#writeRun(flight, from, unit)
    return unit === flight.count
  }

  #write(flight: Flight, unit: number): void {
    this.#writeRun(flight, unit, unit + 1)
  }

  /** Records one after the other go in one copy: 705 to about 600 ns a record in batches of 1,024, noisily measured. */
  #writeRun(flight: Flight, from: number, to: number): void {
    for (let unit = from; unit < to; ) {
      const run = Math.min(to - unit, this.#batchRecordsMax - this.#frameRecords)
      const bytes = flight.records.subarray(unit * RECORD_BYTES, (unit + run) * RECORD_BYTES)
      const at = FRAME_HEADER_BYTES + this.#frameRecords * RECORD_BYTES
      this.#frame.set(bytes, at)
      if (flight.pins !== null) this.#sealRun(flight.pins, at, unit, run)
      this.#frameRecords += run
      unit += run
      if (this.#frameRecords === this.#batchRecordsMax) this.#flush()
    }
  }

  /** Under this session's key, and anew with each sending. */
  #sealRun(pins: ReadonlyMap<number, RecordPins>, at: number, from: number, count: number): void {
    const seal = this.#session?.seal
    for (let i = 0; seal !== undefined && i < count; i++) {
      const own = pins.get(from + i)
      if (own !== undefined) writePins(seal, own, this.#frame, at + i * RECORD_BYTES)
    }
  }

  #flush(): void {
    const bytes = this.#frameRecords * RECORD_BYTES
    this.#frameRecords = 0
    // Without a session they are as good as sent and lost: the next one gets them again.
    if (bytes === 0 || this.#session === null) return
    this.#correlation = (this.#correlation + 1) >>> 0
    writeFrameHeader(this.#frameView, 0, FrameType.batch, bytes, this.#correlation)
    // A copy: the transport keeps it until the kernel has taken it.
    this.#session.send(this.#frame.slice(0, FRAME_HEADER_BYTES + bytes))
  }
}
