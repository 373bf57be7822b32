// Messages that wait for their answers, by correlation; control plane, so one object each is cheap enough.
import { type MessageMap, messageFrame, packMessage } from "@millrace/protocol"
import type { Request } from "@millrace/protocol/messages"
import type { Timers } from "./Transport.ts"

/** Correlations of requests; hello and logon have 1 and 2, and what the server says unasked has 0. */
const CORRELATION_FIRST = 16
const CORRELATION_LAST = 0x7fff_ffff

export type Answer =
  | { readonly map: MessageMap }
  | { readonly none: "deadline" | "closed"; readonly sent: boolean }

export interface Asked {
  readonly correlation: number
  /** True once it has gone out on any connection. */
  sent: boolean
  frame(): Uint8Array
  /** The same as a repeat. */
  repeatFrame(): Uint8Array
  readonly done: (answer: Answer) => void
  cancelDeadline: () => void
}

export interface AskingOptions {
  readonly timers: Timers
  readonly add: (asked: Asked) => void
  readonly remove: (asked: Asked) => void
  readonly late: () => void
}

export class Asking {
  readonly #options: AskingOptions
  readonly #byCorrelation = new Map<number, Asked>()
  #next = CORRELATION_FIRST

  constructor(options: AskingOptions) {
    this.#options = options
  }

  /** Sends a message; `done` is called once. Throws RangeError or TypeError when it can't be packed. */
  ask(request: Request, deadlineMs: number, done: (answer: Answer) => void): Asked {
    const correlation = this.#next
    this.#next = correlation === CORRELATION_LAST ? CORRELATION_FIRST : correlation + 1
    const first = messageFrame(packMessage({ ...request }), correlation)
    const asked: Asked = {
      correlation,
      sent: false,
      frame: () => first,
      // Only a transaction has a word for it; the others may be sent again as they are.
      repeatFrame: () =>
        request.type === "transact"
          ? messageFrame(packMessage({ ...request, repeat: true }), correlation)
          : first,
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
