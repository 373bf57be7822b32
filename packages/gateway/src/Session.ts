/** One connection: its frames, who is at its other end, what it may send, and its back-pressure. */
import type { Lane, Receiver } from "@millrace/engine"
import {
  FRAME_HEADER_BYTES,
  FrameReader,
  type FrameSink,
  FrameType,
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  RecordAt,
  ResponseCode,
  writeFrameHeader,
  writeOutcome,
} from "@millrace/protocol"
import type { Identity } from "./Identities.ts"
import type { GatewayLimits } from "./Limits.ts"
import type { SessionPins } from "./Pins.ts"
import type { Transport } from "./Transport.ts"

/** What a session asks of the rest of the gateway: everything that is not per transaction. */
export interface Control {
  /** A whole message has come. The payload is good only during the call. */
  readonly message: (session: Session, payload: Uint8Array, correlation: number) => void
  /** The session broke a rule: it is told and closed. */
  readonly fault: (session: Session, fault: Fault) => void
  readonly closed: (session: Session, why: string) => void
  /** A record was refused here: the session may not speak for its terminal. */
  readonly refused: () => void
}

/** Who waits for the outcome of a transaction that came as a message. */
export interface Asked {
  readonly answer: (view: DataView, at: number) => void
  /** The connection went first. */
  readonly abandon: () => void
}

/** Why a session ended before it was welcome or when it broke a rule: an error message's `code`. */
export interface Fault {
  readonly code: string
  readonly message: string
}

/** The faults that more than one place tells of. */
export const faults = {
  busy: { code: "busy", message: "too much is not answered yet: wait for some of it" },
  tooLong: { code: "bad-message", message: "the answer would be longer than a message may be" },
  gone: { code: "shutting-down", message: "the connection went before the answer came" },
  noLogon: { code: "bad-message", message: "log on before anything else" },
  tooMany: { code: "too-many-sessions", message: "all sessions are taken: try again later" },
  shuttingDown: { code: "shutting-down", message: "the engine is stopping: reconnect later" },
  defect: { code: "defect", message: "the request failed here; whether it was done is not known" },
} as const satisfies { readonly [name: string]: Fault }

export class Session implements FrameSink, Receiver {
  readonly #reader: FrameReader
  #identity: Identity | undefined
  #pins: SessionPins | undefined
  /** Records at the head of what the reader still holds whose PINs are translated: they will be offered again. */
  #translated = 0
  #seat = -1
  #closed = false
  #finishing = false
  #farewell: Uint8Array | undefined
  #stopped = false
  #unread = false
  #fault: Fault | undefined
  #out: Buffer = nothing
  #outEnd = 0
  #frameAt = 0
  /** Transactions that came as messages: `terminal/reference` → what to do with their outcome. */
  readonly #asked = new Map<string, Asked>()
  /** Second, on the gateway's coarse clock, of the last bytes. */
  lastHeard: number
  readonly connectedAt: number
  #messagesInFlight = 0

  readonly lane: Lane
  readonly transport: Transport
  readonly limits: GatewayLimits
  readonly #control: Control

  constructor(lane: Lane, transport: Transport, limits: GatewayLimits, control: Control, nowSeconds: number) {
    this.lane = lane
    this.transport = transport
    this.limits = limits
    this.#control = control
    this.lastHeard = nowSeconds
    this.connectedAt = nowSeconds
    this.#reader = new FrameReader(RECORD_BYTES, this, {
      messageBytesMax: limits.logonBytesMax,
      batchUnitsMax: limits.batchRecordsMax,
    })
  }

  get open(): boolean {
    return this.#identity !== undefined
  }

  get closed(): boolean {
    return this.#closed
  }

  get identity(): Identity | undefined {
    return this.#identity
  }

  get pins(): SessionPins | undefined {
    return this.#pins
  }

  /** Half a frame has come, and it is not we who stopped reading. */
  get midFrame(): boolean {
    return this.#reader.midFrame && !this.#stopped
  }

  /** Records of this session that are not answered yet. */
  get inFlight(): number {
    return this.#seat < 0 ? 0 : this.lane.seats.inFlight(this.#seat)
  }

  /** The other end has shown who it is. False when the engine has no seat left. */
  welcome(identity: Identity, pins: SessionPins): boolean {
    this.#seat = this.lane.takeSeat(this)
    if (this.#seat < 0) return false
    this.#identity = identity
    this.#pins = pins
    this.#reader.limit({ messageBytesMax: this.limits.messageBytesMax })
    return true
  }

  // --- bytes in

  receive(chunk: Uint8Array, nowSeconds: number): void {
    if (this.#closed || this.#finishing) return
    this.lastHeard = nowSeconds
    this.#check(this.#reader.push(chunk))
  }

  /** FrameSink: records of a batch. */
  units(view: DataView, at: number, count: number): number {
    const identity = this.#identity
    if (identity === undefined) {
      this.raise(faults.noLogon)
      return count
    }
    const room = this.limits.recordsInFlightMax - this.lane.seats.inFlight(this.#seat)
    const offered = Math.min(count, room)
    const taken = offered > 0 && !this.#unread ? this.#translateAndSubmit(identity, view, at, offered) : 0
    if (taken < count) this.#stop()
    return taken
  }

  /** One record that came as a message. False when there is no room for it. */
  submitOne(view: DataView): boolean {
    const identity = this.#identity
    if (identity === undefined || this.#unread) return false
    if (this.lane.seats.inFlight(this.#seat) >= this.limits.recordsInFlightMax) return false
    this.#pins?.translate(view, 0, 1)
    return this.#submit(identity, view, 0, 1) === 1
  }

  /** Ends the session for what came outside of a frame. */
  refuse(fault: Fault): void {
    if (!this.#closed && !this.#finishing) this.#control.fault(this, fault)
  }

  /** FrameSink: a message. */
  message(payload: Uint8Array, correlation: number): void {
    this.#control.message(this, payload, correlation)
  }

  /**
   * Nothing more is read: what is in flight is answered, then the connection ends, after `farewell` when the
   * end is ours and not the other side's.
   */
  finish(farewell?: Uint8Array): void {
    this.transport.pause()
    this.#finishing = true
    this.#farewell = farewell
    this.#endWhenAnswered()
  }

  // --- answers out

  /** A message is being answered; false when there are too many already. */
  messageBegins(): boolean {
    if (this.#messagesInFlight >= this.limits.messagesInFlightMax) return false
    this.#messagesInFlight++
    return true
  }

  messageEnds(): void {
    this.#messagesInFlight--
    if (this.#finishing) this.#endWhenAnswered()
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return
    this.transport.write(frame)
    if (this.transport.unreadBytes() <= this.limits.unreadBytesMax) return
    this.#unread = true
    this.#stop()
  }

  /** A transaction that came as a message: its outcome goes to `answer` in place of an outcome frame. */
  ask(terminal: number, reference: bigint, asked: Asked): boolean {
    const key = `${terminal}/${reference}`
    if (this.#asked.has(key)) return false
    this.#asked.set(key, asked)
    return true
  }

  forget(terminal: number, reference: bigint): void {
    this.#asked.delete(`${terminal}/${reference}`)
  }

  /** Receiver: one buffer for all that comes, exactly as long as its frames. */
  begin(count: number): void {
    const frames = Math.ceil(count / this.limits.batchRecordsMax)
    this.#out = Buffer.allocUnsafe(count * OUTCOME_BYTES + frames * FRAME_HEADER_BYTES)
    this.#frameAt = 0
    this.#outEnd = FRAME_HEADER_BYTES
  }

  /** Receiver. */
  outcomes(bytes: Buffer, at: number, count: number): void {
    if (this.#asked.size > 0) {
      for (let i = 0; i < count; i++, at += OUTCOME_BYTES)
        if (!this.#answerAsked(bytes, at)) this.#copy(bytes, at, 1)
      return
    }
    this.#copy(bytes, at, count)
  }

  /** Receiver. */
  end(): void {
    this.#closeFrame()
    const out = this.#out
    this.#out = nothing
    if (this.#frameAt > 0) this.send(this.#frameAt === out.length ? out : out.subarray(0, this.#frameAt))
    if (this.#stopped && this.inFlight <= this.limits.recordsInFlightMax / 2) this.#go()
    if (this.#finishing) this.#endWhenAnswered()
  }

  /** Receiver: a mailbox that was full has room again. */
  room(): void {
    if (this.#stopped) this.#go()
  }

  /** What was written has been read by the other end. */
  drained(): void {
    this.#unread = false
    if (this.#stopped) this.#go()
  }

  // --- the end

  /** Ends the session with an error message that says why. */
  fail(fault: Fault, frame: Uint8Array): void {
    if (this.#closed) return
    this.transport.write(frame)
    this.transport.end()
    this.close(`${fault.code}: ${fault.message}`)
  }

  /** The connection is gone. */
  close(why: string): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#seat >= 0) this.lane.seats.giveBack(this.#seat)
    for (const { abandon } of this.#asked.values()) abandon()
    this.#asked.clear()
    this.#control.closed(this, why)
  }

  /** A rule was broken while bytes are read: dealt with once the reader has returned. */
  raise(fault: Fault): void {
    this.#fault ??= fault
  }

  #check(error: Fault | null): void {
    const fault = error ?? this.#fault
    if (fault === null || fault === undefined) return
    this.#fault = undefined
    this.#control.fault(this, fault)
  }

  /** PINs are translated in place, once: what the lane has no room for comes again as it lies there now. */
  #translateAndSubmit(identity: Identity, view: DataView, at: number, count: number): number {
    const before = Math.min(this.#translated, count)
    this.#pins?.translate(view, at + before * RECORD_BYTES, count - before)
    const taken = this.#submit(identity, view, at, count)
    this.#translated = Math.max(this.#translated, count) - taken
    return taken
  }

  #submit(identity: Identity, view: DataView, at: number, count: number): number {
    if (identity.anyTerminal) return this.lane.submit(this.#seat, view, at, count)
    let done = 0
    while (done < count) {
      let run = 0
      while (
        done + run < count &&
        identity.mayActFor(view.getUint32(at + (done + run) * RECORD_BYTES + RecordAt.terminal, true))
      ) {
        run++
      }
      if (run > 0) {
        const taken = this.lane.submit(this.#seat, view, at + done * RECORD_BYTES, run)
        done += taken
        if (taken < run) return done
      }
      if (done < count) this.#refuse(view, at + done++ * RECORD_BYTES, ResponseCode.notPermittedToTerminal)
    }
    return done
  }

  /** A terminal that this session may not speak for: refused here, it never reaches the engine. */
  #refuse(view: DataView, at: number, response: number): void {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + OUTCOME_BYTES)
    const out = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    writeFrameHeader(out, 0, FrameType.batch, OUTCOME_BYTES, 0)
    const lo = view.getUint32(at + RecordAt.reference, true)
    const hi = view.getUint32(at + RecordAt.reference + 4, true)
    const terminal = view.getUint32(at + RecordAt.terminal, true)
    writeOutcome(out, FRAME_HEADER_BYTES, lo, hi, 0, 0, 0, 0, terminal, response, 0)
    this.#control.refused()
    if (!this.#answerAsked(frame, FRAME_HEADER_BYTES)) this.send(frame)
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.transport.pause()
  }

  #go(): void {
    if (this.#closed || this.#unread || this.inFlight >= this.limits.recordsInFlightMax) return
    this.#stopped = false
    this.#check(this.#reader.resume())
    if (!this.#stopped && !this.#closed && !this.#finishing) this.transport.resume()
  }

  #answerAsked(bytes: Buffer, at: number): boolean {
    if (this.#asked.size === 0) return false
    const key = `${bytes.readUInt32LE(at + OutcomeAt.terminal)}/${bytes.readBigUInt64LE(at + OutcomeAt.reference)}`
    const asked = this.#asked.get(key)
    if (asked === undefined) return false
    this.#asked.delete(key)
    asked.answer(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at)
    return true
  }

  #copy(bytes: Buffer, at: number, count: number): void {
    const framed = FRAME_HEADER_BYTES + this.limits.batchRecordsMax * OUTCOME_BYTES
    while (count > 0) {
      const room = (this.#frameAt + framed - this.#outEnd) / OUTCOME_BYTES
      const now = Math.min(count, room)
      bytes.copy(this.#out, this.#outEnd, at, at + now * OUTCOME_BYTES)
      this.#outEnd += now * OUTCOME_BYTES
      at += now * OUTCOME_BYTES
      count -= now
      if (now === room) this.#closeFrame()
    }
  }

  /** Writes the header of the frame that begins at `#frameAt`, and begins the next one. */
  #closeFrame(): void {
    const payload = this.#outEnd - this.#frameAt - FRAME_HEADER_BYTES
    if (payload <= 0) return
    const out = this.#out
    writeFrameHeader(
      new DataView(out.buffer, out.byteOffset, out.byteLength),
      this.#frameAt,
      FrameType.batch,
      payload,
      0,
    )
    this.#frameAt = this.#outEnd
    this.#outEnd += FRAME_HEADER_BYTES
  }

  #endWhenAnswered(): void {
    if (this.#closed || this.#reader.blocked || this.inFlight > 0 || this.#messagesInFlight > 0) return
    if (this.#farewell !== undefined) this.transport.write(this.#farewell)
    this.transport.end()
    this.close("nothing more was to be answered")
  }
}

const nothing = Buffer.alloc(0)
