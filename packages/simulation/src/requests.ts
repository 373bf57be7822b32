/** What a terminal asks for, drawn at random: mostly what makes sense after what it did before. */
import type { Submission } from "@millrace/client"
import { Kind, type KindName } from "@millrace/protocol"
import type { Random } from "./Random.ts"
import { cards, currency, everydayCards, pin, wrongPin } from "./town.ts"

/** A request that was made, and what became of it as far as its terminal knows. */
export interface Made {
  readonly submission: Submission
  /** Undefined: unanswered. */
  response: number | undefined
}

const kinds: ReadonlyArray<readonly [number, KindName]> = [
  [34, "purchase"],
  [4, "balance"],
  [10, "recharge"],
  [6, "refund"],
  [8, "preauthorisation"],
  [5, "completion"],
  [3, "cancellation"],
  [5, "reversal"],
  [4, "void"],
  [9, "transfer"],
  [2, "pinChange"],
  [2, "close"],
]

const originalsOf: { readonly [kind in KindName]?: ReadonlyArray<number> } = {
  refund: [Kind.purchase, Kind.completion],
  completion: [Kind.preauthorisation],
  cancellation: [Kind.preauthorisation],
  reversal: [Kind.purchase, Kind.recharge, Kind.transfer, Kind.refund, Kind.preauthorisation],
  void: [Kind.purchase, Kind.recharge, Kind.transfer, Kind.refund],
}

/** A reference that nobody gave: a reversal of it bars it. */
const never = 1n

/** Draws a request of the terminal that has made `before`. */
export const drawRequest = (
  random: Random,
  terminal: number,
  reference: bigint,
  before: ReadonlyArray<Made>,
  isAlone: boolean,
): Submission => {
  const name = random.weighted(kinds)
  const kind = Kind[name]
  const amount = random.pick([5, 25, 60, 120, 200, 310, 550, 900])
  const common = { terminal, reference, kind, currency }
  const wanted = originalsOf[name]
  if (wanted !== undefined) {
    const fitting = before.filter(
      ({ submission, response }) => wanted.includes(submission.kind) && (response === 0 || response === 10),
    )
    const original = fitting.length > 0 ? random.pick(fitting.slice(-4)).submission : undefined
    const share =
      name === "refund" || name === "completion" ? random.pick([1, 0.5, 0.3, 1.1]) : random.pick([0, 0, 0, 1])
    return {
      ...common,
      card: original?.card ?? random.pick(cards),
      amount: Math.ceil((original?.amount ?? (share === 0 ? 0 : amount)) * share),
      original: original?.reference ?? (reference > 1n << 30n ? reference - (1n << 24n) : never),
    }
  }
  if (name === "close") {
    return { ...common, card: 0n, amount: random.pick([0, 100]), original: 0n, forced: random.chance(0.6) }
  }
  if (name === "balance") return { ...common, card: random.pick(cards), amount: 0 }
  // PIN blocks need the key of a session: whoever sends bytes on has none.
  if (name === "pinChange" && isAlone) {
    return { ...common, card: random.pick(everydayCards), amount: 0, pin, newPin: pin }
  }
  const card = random.pick(cards)
  const withPin = isAlone && (amount > 300 || random.chance(0.1))
  return {
    ...common,
    kind: name === "pinChange" ? Kind.purchase : kind,
    card,
    amount,
    ...(name === "transfer" ? { counterparty: random.pick(cards.filter((other) => other !== card)) } : {}),
    ...(name === "purchase" && random.chance(0.2) ? { partial: true } : {}),
    ...(withPin ? { pin: random.chance(0.15) ? wrongPin : pin } : {}),
  }
}
