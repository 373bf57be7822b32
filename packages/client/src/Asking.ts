// Messages that wait for their answers, by correlation; control plane, so one object each is cheap enough.
import { type MessageMap, messageFrame, packMessage } from "@millrace/protocol"
import type { Request } from "@millrace/protocol/messages"
import type { Seal } from "./Pins.ts"
import type { Timers } from "./Transport.ts"

/** Correlations of requests; hello and logon have 1 and 2, and what the server says unasked has 0. */
const CORRELATION_FIRST = 16
const CORRELATION_LAST = 0x7fff_ffff

export type Answer =
  | { readonly map: MessageMap }
  | { readonly none: "deadline" | "closed"; readonly sent: boolean }

/** A request that holds PIN blocks: made anew for each session, under its key. */
export interface SealedRequest<R extends Request> {
  readonly type: R["type"]
  /** Who it is about, when it is a transaction. */
  readonly terminal?: number
  readonly reference?: bigint
  readonly make: (seal: Seal) => R
}

export interface Asked {
  readonly correlation: number
  /** True once it has gone out on any connection. */
  sent: boolean
  frame(seal: Seal): Uint8Array
  /** The same as a repeat. */
  repeatFrame(seal: Seal): Uint8Array
  readonly done: (answer: Answer) => void
  cancelDeadline: () => void
}

export interface AskingOptions {
  readonly timers: Timers
  readonly add: (asked: Asked) => void
  readonly remove: (asked: Asked) => void
  readonly late: () => void
}

/** Only a transaction has a word for it; the others may be sent again as they are. */
const repeated = (request: Request): Request =>
  request.type === "transact" ? { ...request, repeat: true } : request

const frameOf = (request: Request, correlation: number): Uint8Array =>
  messageFrame(packMessage({ ...request }), correlation)

export class Asking {
  readonly #options: AskingOptions
  readonly #byCorrelation = new Map<number, Asked>()
  #next = CORRELATION_FIRST

  constructor(options: AskingOptions) {
    this.#options = options
  }

  /** Sends a message; `done` is called once. Throws RangeError or TypeError when it can't be packed. */
  ask(request: Request | SealedRequest<Request>, deadlineMs: number, done: (answer: Answer) => void): Asked {
    const correlation = this.#next
    this.#next = correlation === CORRELATION_LAST ? CORRELATION_FIRST : correlation + 1
    const asked: Asked = {
      correlation,
      sent: false,
      ...framesOf(request, correlation),
      done,
      cancelDeadline: this.#options.timers.after(deadlineMs, () => this.giveUp(asked, "deadline")),
    }
    this.#byCorrelation.set(correlation, asked)
    this.#options.add(asked)
    return asked
  }

  answer(correlation: number, map: MessageMap): void {
    const asked = this.#byCorrelation.get(correlation)
    if (asked === undefined) {
      this.#options.late()
      return
    }
    this.#forget(asked)
    asked.done({ map })
  }

  giveUp(asked: Asked, none: "deadline" | "closed"): void {
    if (!this.#forget(asked)) return
    asked.done({ none, sent: asked.sent })
  }

  #forget(asked: Asked): boolean {
    if (!this.#byCorrelation.delete(asked.correlation)) return false
    asked.cancelDeadline()
    this.#options.remove(asked)
    return true
  }
}

const framesOf = (
  request: Request | SealedRequest<Request>,
  correlation: number,
): Pick<Asked, "frame" | "repeatFrame"> => {
  if ("make" in request) {
    return {
      frame: (seal) => frameOf(request.make(seal), correlation),
      repeatFrame: (seal) => frameOf(repeated(request.make(seal)), correlation),
    }
  }
  // Packed here: what can't be is the caller's defect, not the connection's.
  const first = frameOf(request, correlation)
  return {
    frame: () => first,
    repeatFrame: () => (request.type === "transact" ? frameOf(repeated(request), correlation) : first),
  }
}
