/** One connection of a host: many requests in flight, answered in any order, each to the message that asked. */
import type { Lane, Receiver } from "@millrace/engine"
import { encode, FramingReader, type IsoFrame, IsoProblem, isoFrame, turnedTpdu } from "@millrace/iso8583"
import {
  decodeOutcome,
  encodeRecord,
  Kind,
  OUTCOME_BYTES,
  type Outcome,
  RECORD_BYTES,
  type RecordInput,
  ResponseCode,
} from "@millrace/protocol"
import type { Transport } from "../Transport.ts"
import { answerOf, outcomeFields } from "./Answers.ts"
import { type Asked, Dialogue, type DialogueTools, type Request } from "./Dialogue.ts"
import type { HostPins } from "./HostPins.ts"
import type { IsoHost } from "./IsoHost.ts"
import type { IsoLimits } from "./IsoLimits.ts"
import type { IsoTally } from "./IsoTally.ts"
import { type Fields, ownTotalsFields, totalsFields } from "./Settlement.ts"

/** What a session has of the gateway. */
export interface IsoTools {
  readonly lane: Lane
  readonly dialogue: DialogueTools
  readonly pins: HostPins
  readonly limits: IsoLimits
  readonly tally: IsoTally
  readonly nowSeconds: () => number
  readonly closed: (session: IsoSession) => void
  /** Something threw over a host's bytes. */
  readonly defect: (error: unknown) => void
}

/** A request with the TPDU that its answer turns round. */
interface Framed extends Request {
  readonly tpdu: Uint8Array | undefined
}

/** Somebody who waits for an outcome. */
interface Waiting extends Framed {
  readonly record: RecordInput
}

export class IsoSession implements Receiver {
  readonly #reader: FramingReader
  readonly #dialogue: Dialogue
  readonly #tools: IsoTools
  readonly #host: IsoHost
  readonly #transport: Transport
  readonly connectedAt: number
  /** Second, on the gateway's coarse clock, of the last bytes. */
  lastHeard: number
  #seat = -1
  /** Messages in a row that are worth nothing. */
  #bad = 0
  #closed = false
  #finishing = false
  #stopped = false
  #unread = false
  /** Answers that wait for what they tell of to be durable. */
  #late = 0
  /** A request that the lane had no room for. */
  #held: { readonly waiting: Waiting; readonly view: DataView } | undefined
  #out: Array<Uint8Array> = []
  /** `terminal/reference` → those who asked, in the order in which they did. */
  readonly #waiting = new Map<string, Array<Waiting>>()

  constructor(tools: IsoTools, host: IsoHost, transport: Transport) {
    this.#tools = tools
    this.#host = host
    this.#transport = transport
    this.connectedAt = tools.nowSeconds()
    this.lastHeard = this.connectedAt
    this.#reader = new FramingReader(host.framing)
    this.#dialogue = new Dialogue(tools.dialogue, host)
  }

  get proven(): boolean {
    return this.#dialogue.proven
  }

  get inFlight(): number {
    return this.#seat < 0 ? 0 : this.#tools.lane.seats.inFlight(this.#seat)
  }

  /** Half a message has come, and it is not we who stopped reading. */
  get midFrame(): boolean {
    return this.#reader.midFrame && !this.#stopped
  }

  // --- bytes in

  receive(chunk: Uint8Array, nowSeconds: number): void {
    if (this.#closed || this.#finishing) return
    this.lastHeard = nowSeconds
    try {
      this.#reader.push(chunk)
      this.#pump()
    } catch (error) {
      // A defect of ours over one host's bytes ends that host's session, and nobody else's.
      this.fail("defect")
      this.#tools.defect(error)
    }
  }

  #pump(): void {
    const { limits } = this.#tools
    let fault: string | undefined
    while (!this.#stopped && fault === undefined) {
      const frame = this.#reader.next()
      if (frame === undefined) break
      if (frame instanceof IsoProblem) fault = "bad-frame"
      else if (frame.bytes.length > limits.messageBytesMax) fault = "message-too-long"
      else {
        this.#take(frame)
        if (this.#bad > limits.badInARowMax) fault = "bad-messages"
        if (this.#held !== undefined || this.#isFull) this.#stop()
      }
    }
    this.#flush()
    if (fault !== undefined) this.fail(fault)
  }

  get #isFull(): boolean {
    return this.#unread || this.inFlight >= this.#tools.limits.inFlightMax
  }

  #take({ bytes, tpdu }: IsoFrame): void {
    const { tally } = this.#tools
    const verdict = this.#dialogue.hear(bytes)
    if (verdict._tag === "Unanswerable") {
      this.#bad++
      tally.refused(verdict.reason)
      return
    }
    const request: Framed = { request: verdict.request, keys: verdict.keys, tpdu }
    if (verdict._tag === "Asked") {
      this.#bad = 0
      this.#ask(verdict, { ...request, record: verdict.record })
      return
    }
    this.#bad = verdict.isBad ? this.#bad + 1 : 0
    if (verdict.reason !== undefined) tally.refused(verdict.reason)
    this.#answer(request, verdict.response, verdict.fields)
  }

  #ask({ record, pinBlock, keys }: Asked, waiting: Waiting): void {
    const { lane, pins } = this.#tools
    if (this.#seat < 0) this.#seat = lane.takeSeat(this)
    const others = this.#waiting.get(keyOf(record.terminal, record.reference))
    // Another card's shard may be faster: the one's answer would go to the other.
    const isOther = others !== undefined && others[0].record.card !== record.card
    if (isOther || this.#seat < 0) {
      this.#tools.tally.refused(isOther ? "in-flight" : "no-seat")
      this.#answer(waiting, isOther ? ResponseCode.duplicate : ResponseCode.unavailable)
      return
    }
    const view = new DataView(new ArrayBuffer(RECORD_BYTES))
    encodeRecord(record, view, 0)
    if (pinBlock !== undefined) pins.translate(this.#host.pin, keys, pinBlock, view)
    this.#submit(waiting, view)
  }

  #submit(waiting: Waiting, view: DataView): void {
    if (this.#tools.lane.submit(this.#seat, view, 0, 1) === 0) {
      this.#held = { waiting, view }
      return
    }
    const key = keyOf(waiting.record.terminal, waiting.record.reference)
    const others = this.#waiting.get(key)
    if (others === undefined) this.#waiting.set(key, [waiting])
    else others.push(waiting)
  }

  // --- answers out

  /** Receiver. */
  begin(): void {}

  /** Receiver. */
  outcomes(bytes: Buffer, at: number, count: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i < count; i++, at += OUTCOME_BYTES) this.#settle(decodeOutcome(view, at))
  }

  /** Receiver. */
  end(): void {
    this.#flush()
    this.#go()
    this.#endWhenAnswered()
  }

  /** Receiver: a mailbox that was full has room again. */
  room(): void {
    this.#go()
  }

  /** What was written has been read by the other end. */
  drained(): void {
    this.#unread = false
    this.#go()
  }

  #settle(outcome: Outcome): void {
    const key = keyOf(outcome.terminal, outcome.reference)
    const all = this.#waiting.get(key)
    const waiting = all?.shift()
    if (all === undefined || waiting === undefined) return
    if (all.length === 0) this.#waiting.delete(key)
    const { lane } = this.#tools
    const { dialect } = this.#host
    const fields = outcomeFields(waiting.request, waiting.record, outcome, dialect, lane.ledger.scheme)
    if (waiting.record.kind === Kind.close) this.#settleTotals(waiting, outcome, fields)
    else this.#answer(waiting, outcome.response, fields)
  }

  #settleTotals(waiting: Waiting, { response, terminal }: Outcome, fields: Fields): void {
    const { lane } = this.#tools
    const { dialect } = this.#host
    const totals = response === ResponseCode.reconcileError ? lane.ledger.terminalTotals(terminal) : undefined
    if (totals === undefined) {
      const own = response === ResponseCode.approved ? ownTotalsFields(waiting.request, dialect) : {}
      this.#answer(waiting, response, { ...fields, ...own })
      return
    }
    // The totals may hold what was decided since and is not on the disk yet.
    this.#late++
    const told = { ...fields, ...totalsFields(totals, dialect) }
    lane.whenDurable(lane.ledger.next - 1, () => {
      this.#late--
      this.#answer(waiting, response, told)
      this.#flush()
      this.#endWhenAnswered()
    })
  }

  #answer({ request, tpdu, keys }: Framed, response: number, more: Fields = {}): void {
    if (this.#closed) return
    const { dialect, framing } = this.#host
    const maker = this.#dialogue.maker(keys)
    const answer = encode(answerOf(request, dialect, response, more), dialect, maker)
    if (answer._tag === "Failure") {
      // Nothing but a dialect whose fields are too small for their content: the next start must not hide it.
      this.#tools.tally.failed("answer")
      return
    }
    this.#out.push(isoFrame(framing, answer.success, tpdu === undefined ? undefined : turnedTpdu(tpdu)))
  }

  /** One write for all that there is to answer. */
  #flush(): void {
    const out = this.#out
    if (out.length === 0 || this.#closed) return
    this.#out = []
    this.#transport.write(out.length === 1 ? out[0] : Buffer.concat(out))
    if (this.#transport.unreadBytes() <= this.#tools.limits.unreadBytesMax) return
    this.#unread = true
    this.#stop()
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#transport.pause()
  }

  #go(): void {
    if (!this.#stopped || this.#closed || this.#isFull) return
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#submit(held.waiting, held.view)
    if (this.#held !== undefined) return
    this.#stopped = false
    this.#pump()
    if (!this.#stopped && !this.#closed && !this.#finishing) this.#transport.resume()
    this.#endWhenAnswered()
  }

  // --- the end

  /** Nothing more is read; what is in flight is answered, then the connection ends. */
  finish(): void {
    this.#transport.pause()
    this.#finishing = true
    this.#endWhenAnswered()
  }

  #endWhenAnswered(): void {
    if (!this.#finishing || this.#closed || this.#stopped || this.inFlight > 0 || this.#late > 0) return
    this.#flush()
    this.#transport.end()
    this.close()
  }

  /** Ends the connection for breaking a rule. ISO 8583 has no words for why: the metric does. */
  fail(code: string): void {
    if (this.#closed) return
    this.#flush()
    this.#tools.tally.failed(code)
    this.#transport.end()
    this.close()
  }

  /** The connection is gone. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#seat >= 0) this.#tools.lane.seats.giveBack(this.#seat)
    this.#waiting.clear()
    this.#held = undefined
    this.#dialogue.end()
    this.#tools.closed(this)
  }
}

const keyOf = (terminal: number, reference: bigint): string => `${terminal}/${reference}`
