// Rounds of requests that meet every kind of slot; the same round is the same requests.
import { Kind, RECORD_BYTES, RecordAt, RecordFlag, type RecordInput, recordBytes } from "@millrace/protocol"
import { CODE, CURRENCY, open, PIN, savers, TERMINALS, used } from "./Scheme.ts"

/** References of a round are its number in thousands and a count. */
const PER_ROUND = 1_000n

/** As the gateway hands a record to the lane: where a PIN block was, there are 8 bytes of a verifier. */
const withVerifier = (record: RecordInput, verifier: bigint): Uint8Array => {
  const bytes = recordBytes(record)
  new DataView(bytes.buffer).setBigUint64(RecordAt.pinBlock, verifier, true)
  return bytes
}

class Round {
  readonly batches: Array<Array<Uint8Array>> = [[]]
  readonly #number: number
  #count = 0

  constructor(number: number) {
    this.#number = number
  }

  get reference(): bigint {
    return BigInt(this.#number) * PER_ROUND + BigInt(this.#count)
  }

  /** Gives the reference. */
  add(terminal: number, some: Partial<RecordInput> & { readonly kind: number }, verifier = 0n): bigint {
    this.#count++
    const reference = some.reference ?? this.reference
    const record = { card: 0n, amount: 0, terminal, currency: CURRENCY, ...some, reference }
    this.batches[this.batches.length - 1].push(withVerifier(record, verifier))
    return reference
  }

  /** What comes next is another batch: it is decided when this one is durable. */
  cut(): void {
    this.batches.push([])
  }
}

const pick = <A>(items: ReadonlyArray<A>, n: number): A => items[n % items.length]

/** References of the pre-authorisations that a round leaves standing, of `terminal`. */
const heldBy = (round: number, n: number): bigint => BigInt(round) * PER_ROUND + BigInt(n)

/** The batches of a round, in order. */
export const roundOf = (number: number): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const round = new Round(number)
  const [one, two, three] = TERMINALS
  const card = pick(open, number)
  const other = pick(open, number + 3)
  const mine = pick(used, number)
  const yours = pick(used, number + 1)
  const saver = pick(savers.slice(0, 2), number)
  // The first two stand until a later round completes one and time ends the other.
  round.add(one, { kind: Kind.preauthorisation, card: mine, amount: 2_000 })
  round.add(one, { kind: Kind.preauthorisation, card, amount: 1_500 })
  const cancelled = round.add(one, { kind: Kind.preauthorisation, card: other, amount: 900 })
  const bought = round.add(one, { kind: Kind.purchase, card, amount: 1_250 })
  const split = round.add(one, { kind: Kind.purchase, card: mine, amount: 2_300 })
  const sold = round.add(two, { kind: Kind.purchase, card: yours, amount: 4_400 }, PIN)
  round.add(two, { kind: Kind.purchase, card: mine, amount: 4_400 }, number % 3 === 0 ? PIN + 1n : PIN)
  round.add(three, { kind: Kind.purchase, card: other, amount: 999_999, flags: RecordFlag.partial })
  round.add(three, { kind: Kind.purchase, card: 6_999_999_999_999_999n, amount: 100 })
  round.add(three, { kind: Kind.purchase, card: saver, amount: 50 + number })
  const charged = round.add(three, { kind: Kind.recharge, card: mine, amount: 2_500 })
  round.add(three, { kind: Kind.recharge, card: saver, amount: 700 })
  round.add(one, { kind: Kind.recharge, card: yours, amount: 3_000, flags: RecordFlag.code }, CODE)
  const moved = round.add(two, { kind: Kind.transfer, card: mine, counterparty: yours, amount: 800 })
  round.add(two, { kind: Kind.transfer, card, counterparty: other, amount: 12_000 })
  round.add(two, { kind: Kind.balance, card })
  round.cut()
  if (number > 1) {
    const held = heldBy(number - 1, 1)
    round.add(one, { kind: Kind.completion, card: pick(used, number - 1), amount: 2_150, original: held })
  }
  round.add(one, { kind: Kind.cancellation, card: other, original: cancelled })
  round.add(one, { kind: Kind.refund, card, amount: 250, original: bought })
  round.add(one, { kind: Kind.reversal, card: mine, original: split })
  round.add(one, { kind: Kind.reversal, card, original: 999_999_000n + BigInt(number) })
  round.add(one, { kind: Kind.purchase, card, amount: 70, reference: 999_999_000n + BigInt(number) })
  round.add(two, { kind: Kind.void, card: yours, original: sold })
  round.add(two, { kind: Kind.reversal, card: mine, original: moved })
  round.add(three, { kind: Kind.reversal, card: mine, original: charged })
  round.add(two, { kind: Kind.pinChange, card: pick(used, number + 2), counterparty: PIN }, PIN)
  round.add(two, { kind: Kind.purchase, card: yours, amount: 60, flags: RecordFlag.repeat })
  if (number % 3 === 0) {
    round.add(three, { kind: Kind.close, card: 0n, amount: 1 })
    round.add(three, { kind: Kind.close, card: 0n, amount: 1, flags: RecordFlag.forced })
  }
  return round.batches
}

export const joined = (records: ReadonlyArray<Uint8Array>): DataView => {
  const bytes = new Uint8Array(records.length * RECORD_BYTES)
  for (const [n, record] of records.entries()) bytes.set(record, n * RECORD_BYTES)
  return new DataView(bytes.buffer)
}
