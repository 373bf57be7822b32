// A terminal: one request at a time, and one that gets no answer is sent again under the same reference until it does.
import {
  batchFrame,
  Kind,
  type KindName,
  type Outcome,
  OutcomeFlag,
  RECORD_BYTES,
  RecordFlag,
  ReferenceSource,
  ResponseCode,
  recordBytes,
} from "@millrace/protocol"
import execution from "k6/execution"
import {
  countAnswer,
  cuts,
  duplicates,
  errors,
  latency,
  linesLost,
  logon,
  repeats,
  unanswered,
  wrong,
} from "./counts.ts"
import { Line } from "./Line.ts"
import { settings } from "./settings.ts"

const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 5_000

/** One for each VU: k6 gives each its own modules. A VU is one terminal, so its references are its own. */
const references = new ReferenceSource()

const now = (): number => execution.instance.currentTestRunDuration

export interface Asked {
  readonly kind: KindName
  readonly card: number
  readonly amount: number
  readonly original?: bigint
}

interface Pending {
  readonly asked: Asked
  readonly reference: bigint
  readonly since: number
  /** Before, on whatever line. */
  sent: boolean
  readonly done: (outcome: Outcome, reference: bigint) => void
}

export class Terminal {
  readonly number = settings.terminalFirst + ((execution.vu.idInTest - 1) % settings.terminals)
  #line: Line | undefined
  #pending: Pending | undefined
  #begin: (() => void) | undefined
  #pauseMs = PAUSE_MS_MIN
  #patience: ReturnType<typeof setTimeout> | undefined
  #waiting: ReturnType<typeof setTimeout> | undefined
  #ended = false

  /** Takes up a line, and calls when it may be used. */
  constructor(begin: () => void) {
    this.#begin = begin
    this.#patience = setTimeout(() => this.#giveUp(), settings.patienceMs)
    this.#connect()
  }

  /** `done` is told what the engine decided, or is never called when nobody answers. */
  ask(asked: Asked, done: Pending["done"]): void {
    this.#ask({ asked, reference: references.next(), since: now(), sent: false, done })
  }

  /** The last request once more, as a terminal does that has not heard: the answer must be the first one. */
  askAgain(asked: Asked, reference: bigint, first: Outcome, done: () => void): void {
    const again = (outcome: Outcome): void => {
      const equal =
        outcome.response === first.response &&
        outcome.available === first.available &&
        outcome.transaction === first.transaction
      if (!equal || (outcome.flags & OutcomeFlag.duplicate) === 0) this.refute("another answer than at first")
      done()
    }
    this.#ask({ asked, reference, since: now(), sent: true, done: again })
  }

  /** An answer that can't be right: it fails the run. */
  refute(what: string): void {
    wrong.add(1)
    errors.add(true)
    console.error(`terminal ${this.number}: ${what}`)
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#patience)
    clearTimeout(this.#waiting)
    this.#line?.end()
  }

  #connect(): void {
    const began = now()
    const line = new Line({
      ready: () => {
        logon.add(now() - began)
        this.#pauseMs = PAUSE_MS_MIN
        const begin = this.#begin
        this.#begin = undefined
        if (begin !== undefined) {
          clearTimeout(this.#patience)
          begin()
        } else if (this.#pending !== undefined) {
          this.#send(this.#pending)
        }
      },
      outcome: (outcome) => this.#answered(outcome),
      lost: (why) => {
        linesLost.add(1)
        console.warn(`terminal ${this.number}: ${why}`)
        this.#reconnect()
      },
    })
    this.#line = line
  }

  #reconnect(): void {
    clearTimeout(this.#waiting)
    if (this.#ended) return
    this.#line = undefined
    const pause = this.#pauseMs * (0.5 + Math.random())
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX)
    setTimeout(() => {
      if (!this.#ended) this.#connect()
    }, pause)
  }

  #ask(pending: Pending): void {
    this.#pending = pending
    this.#patience = setTimeout(() => this.#giveUp(), settings.patienceMs)
    this.#send(pending)
  }

  #send(pending: Pending): void {
    const line = this.#line
    // Between two lines: the next one sends it.
    if (line === undefined || !line.open) return
    if (pending.sent) repeats.add(1)
    line.send(batchFrame(this.#recordOf(pending), RECORD_BYTES, 0))
    // Only first sendings: then each duplicate that the engine counts is one that was heard here.
    const cut = !pending.sent && Math.random() < settings.lose
    pending.sent = true
    if (cut) {
      cuts.add(1)
      line.end()
      this.#reconnect()
      return
    }
    this.#waiting = setTimeout(() => {
      linesLost.add(1)
      line.end()
      this.#reconnect()
    }, settings.answerMs)
  }

  #recordOf({ asked, reference, sent }: Pending): Uint8Array {
    const { kind, amount, original = 0n } = asked
    return recordBytes({
      reference,
      card: BigInt(asked.card),
      amount,
      original,
      terminal: this.number,
      kind: Kind[kind],
      flags: sent ? RecordFlag.repeat : 0,
      currency: settings.currency,
    })
  }

  #answered(outcome: Outcome): void {
    const pending = this.#pending
    if (
      pending === undefined ||
      outcome.reference !== pending.reference ||
      outcome.terminal !== this.number
    ) {
      this.refute("an answer to nothing that was asked")
      return
    }
    clearTimeout(this.#waiting)
    if (outcome.response === ResponseCode.unavailable) {
      const line = this.#line
      // Another line has sent it by itself.
      setTimeout(() => this.#line === line && this.#send(pending), PAUSE_MS_MIN)
      return
    }
    clearTimeout(this.#patience)
    this.#pending = undefined
    if ((outcome.flags & OutcomeFlag.duplicate) !== 0) duplicates.add(1)
    latency.add(now() - pending.since)
    errors.add(false)
    pending.done(outcome, pending.reference)
  }

  #giveUp(): void {
    unanswered.add(1)
    errors.add(true)
    console.error(`terminal ${this.number}: no answer within ${settings.patienceMs} ms`)
    this.end()
  }
}

/** Asks, counts the answer, and goes on. */
export const transact = (
  terminal: Terminal,
  asked: Asked,
  then: (outcome: Outcome, reference: bigint) => void,
): void =>
  terminal.ask(asked, (outcome, reference) => {
    countAnswer(asked.kind, outcome.response, asked.amount)
    then(outcome, reference)
  })
