// The open loop: requests become due by the clock alone, and wait with the time they were due when there is no room.
import type { Peer } from "./Peer.ts"
import type { Traffic } from "./Traffic.ts"

/** Node's timers are a millisecond coarse: closer to the next due time the event loop is turned instead. */
const SPIN_MS = 1.5
const LATE_MS = 1

export class Pacer {
  readonly #peers: ReadonlyArray<Peer>
  readonly #traffic: Traffic
  readonly #everyMs: number
  #began = 0
  /** Frames sent; the next one was due at began + sent × everyMs. */
  #sent = 0
  /** Frames sent before the counting began, and those since that went late. */
  #uncounted = 0
  #late = 0
  #next = 0
  /** Every slot was taken when a frame was due: it goes late, but that is not this program's fault. */
  #full = false
  #running = false
  /** When the run ends: what is due later is not this run's. */
  #end = 0
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  /** @param frameRate frames a second, over all connections */
  constructor(peers: ReadonlyArray<Peer>, traffic: Traffic, frameRate: number) {
    this.#peers = peers
    this.#traffic = traffic
    this.#everyMs = 1_000 / frameRate
  }

  start(now: number, seconds: number): void {
    this.#began = now
    this.#end = now + seconds * 1_000
    this.#running = true
    this.#turn()
  }

  stop(): void {
    if (!this.#running) return
    // What came due since the last turn still goes.
    this.send()
    this.#running = false
    this.#end = Math.min(this.#end, performance.now())
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  /** Frames that were due before the end and not sent. */
  get unsent(): number {
    return Math.max(0, Math.ceil((this.#end - this.#began) / this.#everyMs) - this.#sent)
  }

  /** Whatever was sent late before is nobody's figure. */
  countFromHere(): void {
    this.#uncounted = this.#sent
    this.#late = 0
  }

  get lateShare(): number {
    const counted = this.#sent - this.#uncounted
    return counted === 0 ? 0 : this.#late / counted
  }

  /** Sends what is due, as far as there is room. */
  send(): void {
    if (!this.#running) return
    const now = performance.now()
    const epochMs = Date.now()
    for (let due = this.#due; due <= now && due < this.#end; due = this.#due) {
      const peer = this.#peerWithRoom()
      if (peer === undefined) {
        this.#full = true
        return
      }
      if (!this.#full && now - due > LATE_MS) this.#late++
      peer.sendOne(this.#traffic, epochMs, due)
      this.#sent++
    }
    this.#full = false
  }

  get #due(): number {
    return this.#began + this.#sent * this.#everyMs
  }

  #turn(): void {
    this.send()
    if (!this.#running) return
    const wait = this.#due - performance.now()
    // When all slots are taken, an answer makes room and calls send.
    if (this.#full || wait > SPIN_MS) {
      this.#timer = setTimeout(() => this.#turn(), this.#full ? SPIN_MS : wait - SPIN_MS)
    } else this.#immediate = setImmediate(() => this.#turn())
  }

  /** The next connection in turn that has a free slot and is open. */
  #peerWithRoom(): Peer | undefined {
    for (let tried = 0; tried < this.#peers.length; tried++) {
      const peer = this.#peers[this.#next]
      this.#next = this.#next + 1 === this.#peers.length ? 0 : this.#next + 1
      if (peer.slots.free > 0 && peer.open) return peer
    }
    return undefined
  }
}
