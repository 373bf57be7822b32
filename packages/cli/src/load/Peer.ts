// One connection of a load with its slots: it outlives its socket, and sends again what a lost socket left unanswered.
import type { Credential } from "@millrace/client"
import type { LoadPlan } from "./Plan.ts"
import { loadTerminalFirst } from "./Population.ts"
import { type Answers, Slots } from "./Slots.ts"
import type { Traffic } from "./Traffic.ts"
import { type Lost, Wire, type WireEvents } from "./Wire.ts"

/** What a peer tells the run that owns it. */
export interface PeerEvents {
  readonly opened: (peer: Peer) => void
  /** Answers were taken; there may be free slots. */
  readonly answered: (peer: Peer) => void
  readonly lost: (peer: Peer, why: Lost) => void
}

const RECONNECT_MS_FIRST = 50
const RECONNECT_MS_MAX = 2_000

export class Peer implements WireEvents {
  readonly slots: Slots
  readonly #plan: LoadPlan
  readonly #credential: Credential
  readonly #answers: Answers
  readonly #events: PeerEvents
  #wire: Wire | undefined
  #reconnectMs = RECONNECT_MS_FIRST
  #timer: NodeJS.Timeout | undefined
  /** When the last bytes were read, ms on the monotonic clock. */
  lastRead = 0
  #readAt = -1

  constructor(index: number, plan: LoadPlan, credential: Credential, answers: Answers, events: PeerEvents) {
    this.slots = new Slots(loadTerminalFirst + index, plan.inFlight, plan.batch)
    this.#plan = plan
    this.#credential = credential
    this.#answers = answers
    this.#events = events
  }

  get open(): boolean {
    return this.#wire?.open ?? false
  }

  connect(): void {
    this.#timer = undefined
    this.#wire = new Wire(this.#plan.target, this.#credential, this)
  }

  /** Tries again after a pause that doubles. */
  reconnect(): void {
    this.#timer = setTimeout(() => this.connect(), this.#reconnectMs)
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, RECONNECT_MS_MAX)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#wire?.close()
  }

  /** Fills every free slot and sends: frames that lie side by side go in one write. */
  sendAll(traffic: Traffic, epochMs: number, now: number): void {
    let from = -1
    let to = -1
    for (let slot = this.slots.next; slot >= 0; slot = this.slots.next) {
      this.slots.fill(traffic, epochMs, now)
      if (slot !== to) {
        this.#send(from, to)
        from = slot
      }
      to = slot + 1
    }
    this.#send(from, to)
  }

  /** Fills one free slot, which must be there, and sends it. */
  sendOne(traffic: Traffic, epochMs: number, due: number): void {
    const slot = this.slots.next
    this.slots.fill(traffic, epochMs, due)
    this.#send(slot, slot + 1)
  }

  // --- WireEvents

  opened(): void {
    this.#reconnectMs = RECONNECT_MS_FIRST
    this.slots.resend((frame) => this.#wire?.write(frame))
    this.#events.opened(this)
  }

  outcomes(view: DataView, at: number, count: number): void {
    if (this.#readAt < 0) this.#readAt = performance.now()
    this.slots.answer(view, at, count, this.#readAt, this.#answers)
  }

  read(): void {
    if (this.#readAt < 0) return
    this.lastRead = this.#readAt
    this.#readAt = -1
    this.#events.answered(this)
  }

  lost(why: Lost): void {
    this.#readAt = -1
    this.#events.lost(this, why)
  }

  #send(from: number, to: number): void {
    if (from < 0) return
    const { bytes, frameBytes } = this.slots
    this.#wire?.write(bytes.subarray(from * frameBytes, to * frameBytes))
  }
}
