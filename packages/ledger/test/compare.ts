// The state of a ledger and of its model must agree after every step.
import { expect } from "vitest"
import { type Concerned, conservation, everything, inLedger, inModel } from "../src/model/state.ts"
import type { Run, Told } from "./run.ts"
import { CURRENCY, OTHER_CURRENCY } from "./town.ts"

/** Of a request what it is about; of anything else all that there is, and that money is conserved. */
export const expectAgreement = (run: Run, { what, cards, request }: Told): void => {
  const { model, real } = run
  const concerned =
    cards === undefined ? everything(model, CURRENCY) : aboutCards(run, cards, request?.terminal)
  const actual = inLedger(real.ledger, model, concerned)
  const expected = inModel(model, concerned)
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual, what).toEqual(expected)
  if (cards === undefined) expectConserved(run, what)
}

const aboutCards = ({ model, real }: Run, numbers: ReadonlyArray<bigint>, terminal = 0): Concerned => {
  const asked = numbers.flatMap((number) => model.cards.get(number) ?? [])
  const cards = [...new Set([...asked, ...asked.map((card) => card.newest)])]
  const shards = [...new Set(cards.map(({ number }) => real.shardOf(number)))]
  const at = model.terminals.get(terminal)
  return { cards, shards, terminals: at === undefined ? [] : [at], currency: CURRENCY }
}

/** Every shard's accounts add up to 0, currency by currency, and its cards and holds to its accounts. */
const expectConserved = ({ model, real: { ledger } }: Run, what: string): void => {
  const actual = conservation(ledger, [CURRENCY, OTHER_CURRENCY])
  const { sum, imbalances, inTransit, audits, holds } = actual
  const isWhole = sum === 0n && holds === model.holds.length
  if (!isWhole || imbalances.length + inTransit.length + audits.length > 0) {
    expect(actual, what).toEqual({
      sum: 0n,
      imbalances: [],
      inTransit: [],
      audits: [],
      holds: model.holds.length,
    })
  }
}
