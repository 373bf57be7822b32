// A run of load, from connecting to its figures: plain code and callbacks, so that it is never what is measured.
import type { Credential } from "@millrace/client"
import { Histogram } from "./Histogram.ts"
import { Pacer } from "./Pacer.ts"
import { Peer, type PeerEvents } from "./Peer.ts"
import type { LoadPlan } from "./Plan.ts"
import { newAnswers, resetAnswers } from "./Slots.ts"
import { Traffic } from "./Traffic.ts"
import type { Lost } from "./Wire.ts"

/** What is told each second. */
export interface LoadTick {
  /** Seconds since the first transaction. */
  readonly seconds: number
  readonly throughput: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
  /** No connection is open. */
  readonly gone: boolean
}

export interface LoadCost {
  /** Processor time of all threads, the system's part included. */
  readonly cpuSeconds: number
  /** Of one core, 0 … 1 and a little over. */
  readonly cpuShare: number
  /** Share of the time that the event loop did not wait for something to do; near 1 in an open loop, which turns it. */
  readonly loopShare: number
}

export interface LoadFigures {
  readonly transactions: number
  readonly seconds: number
  readonly responses: Float64Array
  readonly duplicates: number
  readonly latency: Histogram
  /** Connections lost, answers that nobody waited for, transactions without an answer. */
  readonly errors: number
  readonly unanswered: number
  /** Why the run ended early: the last thing that was heard of the server. */
  readonly gone: string | undefined
  /** Transactions that were due, but found no room among those in flight before the end. */
  readonly unsent: number
  /** What this program itself took from the first transaction to the last answer. */
  readonly cost: LoadCost
  /** Share of the requests that this program itself sent over 1 ms late, for want of time. */
  readonly lateShare: number
}

export interface LoadEvents {
  /** Every connection is open and logged on: `begin` starts the transactions. */
  readonly ready: () => void
  readonly tick: (tick: LoadTick) => void
  readonly done: (figures: LoadFigures) => void
  /** Nothing can be done, or goes on. */
  readonly failed: (why: string) => void
}

const TICK_MS = 1_000
/** How long the last answers are waited for. */
const DRAIN_MS_MAX = 10_000
/** How long the run waits for a server of which no connection is left. */
const SERVER_GONE_MS_MAX = 10_000
const DRAIN_CHECK_MS = 2

export class LoadRun implements PeerEvents {
  readonly #plan: LoadPlan
  readonly #events: LoadEvents
  readonly #traffic: Traffic
  readonly #answers = newAnswers(new Histogram(), new Histogram())
  readonly #pacer: Pacer | undefined
  readonly #peers: ReadonlyArray<Peer>
  #phase: "connecting" | "ready" | "running" | "draining" | "over" = "connecting"
  #opened = 0
  /** When the last open connection was lost; 0 while there is one. */
  #goneSince = 0
  #gone: string | undefined
  #lost = 0
  #began = 0
  #cpu = process.cpuUsage()
  #loop = performance.eventLoopUtilization()
  #ticked = 0
  #timers: Array<NodeJS.Timeout> = []

  constructor(plan: LoadPlan, credential: Credential, events: LoadEvents) {
    this.#plan = plan
    this.#events = events
    this.#traffic = new Traffic(plan.mix, plan.cards, plan.seed)
    this.#peers = Array.from(
      { length: plan.connections },
      (_, index) => new Peer(index, plan, credential, this.#answers, this),
    )
    if (plan.rate !== undefined) this.#pacer = new Pacer(this.#peers, this.#traffic, plan.rate / plan.batch)
  }

  connect(): void {
    for (const peer of this.#peers) peer.connect()
  }

  /** Starts the transactions. */
  begin(): void {
    const { seconds, warmUp } = this.#plan
    this.#phase = "running"
    this.#countFromHere()
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS))
    if (warmUp > 0) this.#timers.push(setTimeout(() => this.#countFromHere(), warmUp * 1_000))
    this.#timers.push(setTimeout(() => this.stop(), (warmUp + seconds) * 1_000))
    if (this.#pacer !== undefined) this.#pacer.start(this.#began, warmUp + seconds)
    else for (const peer of this.#peers) this.answered(peer)
  }

  /** Whatever was answered before is nobody's figure. */
  #countFromHere(): void {
    resetAnswers(this.#answers)
    this.#pacer?.countFromHere()
    this.#began = performance.now()
    this.#ticked = this.#began
    this.#cpu = process.cpuUsage()
    this.#loop = performance.eventLoopUtilization()
  }

  /** No more transactions; the figures come when the last answers have, or have not for ten seconds. */
  stop(): void {
    if (this.#phase !== "running") return
    this.#phase = "draining"
    this.#pacer?.stop()
    const until = performance.now() + DRAIN_MS_MAX
    this.#timers.push(
      setInterval(() => {
        if (performance.now() > until || this.#peers.every((peer) => peer.slots.unanswered === 0))
          this.#finish()
      }, DRAIN_CHECK_MS),
    )
  }

  /** Ends at once, without figures. */
  close(): void {
    this.#phase = "over"
    this.#pacer?.stop()
    for (const timer of this.#timers) clearTimeout(timer)
    for (const peer of this.#peers) peer.close()
  }

  // --- PeerEvents

  opened(peer: Peer): void {
    this.#goneSince = 0
    if (this.#phase === "connecting" && ++this.#opened === this.#peers.length) {
      this.#phase = "ready"
      this.#events.ready()
    } else this.answered(peer)
  }

  answered(peer: Peer): void {
    if (this.#phase !== "running") return
    if (this.#pacer !== undefined) this.#pacer.send()
    else peer.sendAll(this.#traffic, Date.now(), performance.now())
  }

  lost(peer: Peer, why: Lost): void {
    if (this.#phase === "over") return
    // Before the first transaction there is nothing to save: whatever goes wrong ends it.
    if (this.#phase === "connecting" || this.#phase === "ready" || why.kind === "logon-refused") {
      this.#fail(why.message)
      return
    }
    this.#lost++
    const now = performance.now()
    if (this.#peers.some((other) => other.open)) this.#goneSince = 0
    else if (this.#goneSince === 0) this.#goneSince = now
    if (this.#goneSince === 0 || now - this.#goneSince <= SERVER_GONE_MS_MAX) peer.reconnect()
    else {
      this.#gone = why.message
      this.#finish()
    }
  }

  #fail(why: string): void {
    this.close()
    this.#events.failed(why)
  }

  #tick(): void {
    const now = performance.now()
    const { recent } = this.#answers
    this.#events.tick({
      seconds: (now - this.#began) / 1_000,
      throughput: (recent.count * 1_000) / (now - this.#ticked),
      p50Ms: recent.percentile(0.5) / 1_000,
      p99Ms: recent.percentile(0.99) / 1_000,
      errors: this.#errors(0),
      gone: !this.#peers.some((peer) => peer.open),
    })
    this.#ticked = now
    recent.reset()
  }

  #errors(unanswered: number): number {
    return this.#lost + this.#answers.strays + unanswered
  }

  #cost(end: number): LoadCost {
    const { user, system } = process.cpuUsage(this.#cpu)
    const cpuSeconds = (user + system) / 1e6
    return {
      cpuSeconds,
      cpuShare: (cpuSeconds * 1_000) / Math.max(1, end - this.#began),
      loopShare: performance.eventLoopUtilization(this.#loop).utilization,
    }
  }

  #finish(): void {
    if (this.#phase === "over") return
    const end = performance.now()
    const cost = this.#cost(end)
    const unanswered = this.#peers.reduce((sum, peer) => sum + peer.slots.unanswered, 0)
    const transactions = this.#answers.latency.count
    const lastAnswer = Math.max(...this.#peers.map((peer) => peer.lastRead))
    this.close()
    this.#events.done({
      transactions,
      seconds: ((transactions > 0 ? lastAnswer : end) - this.#began) / 1_000,
      responses: this.#answers.responses,
      duplicates: this.#answers.duplicates,
      latency: this.#answers.latency,
      errors: this.#errors(unanswered),
      unanswered,
      gone: this.#gone,
      unsent: (this.#pacer?.unsent ?? 0) * this.#plan.batch,
      cost,
      lateShare: this.#pacer?.lateShare ?? 0,
    })
  }
}
