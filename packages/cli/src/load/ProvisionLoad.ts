// Makes the merchant, terminals and cards that a load needs; what is there already stays as it is.
import type { Credential } from "@millrace/client"
import { Effect } from "effect"
import { connect } from "../Connect.ts"
import {
  LOAD_CURRENCY,
  LOAD_OPENING_BALANCE,
  loadCardFirst,
  loadMerchant,
  loadTerminalFirst,
} from "./Population.ts"

export interface ProvisionOptions {
  readonly url: string
  readonly credential: Credential
  readonly terminals: number
  readonly cards: number
  /** How many cards there are so far. */
  readonly onProgress: (cards: number) => void
}

/** Making millions of cards takes its time; a command that waits behind others of its own is not late. */
const DEADLINE_MS = 120_000
/** In one command; protocol and ledger allow no more. */
const TERMINALS_PER_COMMAND = 8_192

/** Through the SDK: this is the control plane. Fails with MessageRefused, Unknown, ClientClosed, Stop. */
export const provisionLoad = Effect.fnUntraced(function* (options: ProvisionOptions) {
  const { url, credential } = options
  const client = yield* connect({ url, credential, deadlineMs: DEADLINE_MS })
  yield* client.merchant(loadMerchant)
  let terminalsCreated = 0
  for (let from = 0; from < options.terminals; from += TERMINALS_PER_COMMAND) {
    const count = Math.min(TERMINALS_PER_COMMAND, options.terminals - from)
    const made = yield* client.terminals({
      first: loadTerminalFirst + from,
      count,
      merchant: loadMerchant.number,
    })
    terminalsCreated += made.created
  }
  const cards = yield* client.cards(
    {
      first: BigInt(loadCardFirst),
      count: options.cards,
      currency: LOAD_CURRENCY,
      openingBalance: LOAD_OPENING_BALANCE,
    },
    options.onProgress,
  )
  return { terminalsCreated, cardsCreated: cards.created, cardsExisting: cards.existing }
}, Effect.scoped)
