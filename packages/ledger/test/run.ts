// Traffic carried out on a ledger with its journal, for the tests that compare states rather than answers.
import { Journaled, type Request } from "./scenario.ts"
import { isCommand, resolve, type Step } from "./traffic.ts"

export class Run {
  readonly journaled: Journaled
  readonly #sent: Array<Request> = []
  #position = 0

  constructor(options: { readonly shards: number; readonly transactions: number }) {
    this.journaled = new Journaled(options).provision()
  }

  step(step: Step): void {
    const what = resolve(step, this.#sent, this.#position++)
    if (isCommand(what)) {
      this.journaled.control(what)
    } else {
      this.#sent.push(what)
      this.journaled.send(what)
    }
  }
}
