// Before a peer is measured it shows that it keeps the same promise: who answers faster because it checks less is not a peer.
import { CARD_FIRST, CARDS, type Debit, debitOf, OPENING_BALANCE, Refusal, TERMINAL_FIRST } from "./Debit.ts"
import type { DebitChannel, RunningPeer } from "./Peer.ts"

const UNKNOWN_CARD = CARD_FIRST + CARDS
/** A terminal of its own. */
const TERMINAL = TERMINAL_FIRST - 1

export interface Kept {
  readonly transactions: number
  readonly amount: number
}

const ask = (channel: DebitChannel, debits: ReadonlyArray<Debit>): Promise<ReadonlyArray<number>> =>
  new Promise((resolve) => channel.send(debits, resolve))

/**
 * Sends what must be refused and what must be answered as at first, and throws where a peer does otherwise. With a
 * `batch` the request is filled up with debits of cards that nothing else here uses. Gives what it left in the books.
 */
export const showPromise = async (peer: RunningPeer, batch: number, card: number): Promise<Kept> => {
  const channel = await peer.open(batch)
  let filled = 0
  let transactions = 0
  let amount = 0
  const first = async (debit: Debit): Promise<number> => {
    const rest = Array.from({ length: batch - 1 }, () => debitOf(TERMINAL, card + 1 + filled++, 1))
    const answers = await ask(channel, [debit, ...rest])
    if (answers.length !== batch) throw new Error(`${batch} debits, ${answers.length} answers`)
    if (rest.length > 0 && answers.slice(1).some((answer) => answer < 0))
      throw new Error("a good debit was refused")
    transactions += rest.length
    amount += rest.length
    return answers[0]
  }
  const expect = (what: string, answer: number, right: (answer: number) => boolean): void => {
    if (!right(answer)) throw new Error(`${peer.version}: ${what} was answered ${answer}`)
  }
  const good = debitOf(TERMINAL, card, 1_000)
  const left = await first(good)
  expect("a good debit", left, (answer) => answer === OPENING_BALANCE - 1_000 || answer === 0)
  const second = debitOf(TERMINAL, card, 500)
  expect(
    "a second debit",
    await first(second),
    (answer) => answer === OPENING_BALANCE - 1_500 || answer === 0,
  )
  expect("the first one, repeated", await first(good), (answer) => answer === left)
  expect(
    "its reference with another amount",
    await first({ ...good, amount: 999 }),
    (a) => a === Refusal.otherContent,
  )
  const tooMuch = debitOf(TERMINAL, card, OPENING_BALANCE)
  expect("more than there is", await first(tooMuch), (answer) => answer === Refusal.insufficientFunds)
  expect("that, repeated", await first(tooMuch), (answer) => answer === Refusal.insufficientFunds)
  const unknown = debitOf(TERMINAL, UNKNOWN_CARD, 1)
  expect("a card that there is not", await first(unknown), (answer) => answer === Refusal.noSuchCard)
  channel.close()
  return { transactions: transactions + 4, amount: amount + 1_500 }
}
