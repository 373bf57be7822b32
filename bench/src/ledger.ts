/** What one decision costs by kind, at 1,000,000 cards in random order; memory per card and per remembered transaction. */
import { Ledger } from "@millrace/ledger"
import { Kind } from "@millrace/protocol"
import { CARD_FIRST, CURRENCY, Load, PIN, type Settings, TIME } from "./LedgerLoad.ts"
import { randomReads } from "./RandomReads.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const defaults: Settings = {
  cards: 1_000_000,
  terminals: 10_000,
  transactions: 2 ** 22,
}
const CARDS_PER_COMMAND = 8_192
/** Commands before the compiler has seen enough of them. */
const WARM_COMMANDS = 8

const now = (): number => performance.now()

type World = { readonly ledger: Ledger; readonly load: Load }

/** Everything a product can ask of a purchase: PIN, limits of transaction, day and month, a fee, and two purses. */
const product = {
  type: "product",
  by: "bench",
  number: 1,
  name: "Everything",
  currency: CURRENCY,
  bin: "970001",
  pin: { rule: "always", tries: 3 },
  limits: {
    transactionMax: 1_000_000,
    dayAmountMax: 2 ** 50,
    dayCountMax: 60_000,
    monthAmountMax: 2 ** 50,
    monthCountMax: 60_000,
  },
  recharge: { min: 1, max: 1_000_000, balanceMax: 2 ** 50 },
  purses: [{ purse: "bonus" }],
  bonus: { basisPoints: 1_000 },
  order: ["bonus", "main"],
} as const

const makeWorld = (settings: Settings, withProduct: boolean): World & { readonly longest: number } => {
  const ledger = new Ledger({ shards: 1, transactions: settings.transactions })
  // As the engine's own thread does: the first touch of a page is not what is measured.
  const { atRandom, inOrder } = ledger.memory.pages
  for (const array of [...atRandom, ...inOrder]) for (let i = 0; i < array.length; i += 1_024) array[i] = 0
  const longest = provision(ledger, settings, withProduct)
  if (withProduct) givePins(ledger)
  return { ledger, load: new Load(ledger, settings), longest }
}

/** A command for each card would be most of the benchmark's time. */
const givePins = (ledger: Ledger): void => {
  const { cards } = ledger.shards[0]
  for (let card = 0; card < cards.count; card++) cards.setPin(card, PIN, PIN)
}

const provision = (ledger: Ledger, settings: Settings, withProduct: boolean): number => {
  const by = "bench"
  const currency = CURRENCY
  const must = (result: { readonly ok: boolean }): void => {
    if (!result.ok) throw new Error(JSON.stringify(result))
  }
  const fees = { feeBasisPoints: 150, rechargeFee: [{ fixed: 1 }], commission: [{ basisPoints: 50 }] }
  const merchant = { type: "merchant", by, number: 1, name: "Bench", currency, ...fees } as const
  must(ledger.control(TIME, { ...merchant, floatLimit: 2 ** 52 }))
  must(ledger.control(TIME, { type: "terminals", by, first: 1, count: settings.terminals, merchant: 1 }))
  if (withProduct) must(ledger.control(TIME, product))
  const of = withProduct ? { product: product.number } : {}
  let longest = 0
  for (let i = 0, command = 0; i < settings.cards; i += CARDS_PER_COMMAND, command++) {
    const count = Math.min(CARDS_PER_COMMAND, settings.cards - i)
    const first = CARD_FIRST + BigInt(i)
    const began = now()
    must(
      ledger.control(TIME, { type: "cards", by, first, count, currency, openingBalance: 1_000_000, ...of }),
    )
    if (command >= WARM_COMMANDS) longest = Math.max(longest, now() - began)
  }
  return longest
}

type Sample = (name: string, ns: number) => void

/** Cards of the open product: what a decision costs when no rule is asked for. */
const openKinds = ({ load }: World, sample: Sample): void => {
  load.fill(Kind.purchase)
  sample("purchase", load.send())
  load.repeat()
  sample("purchase, repeated", load.send())
  load.fill(Kind.purchase)
  sample("purchase, without reading ahead", load.send(false))
  load.follow(Kind.refund)
  sample("refund", load.send())
  load.fill(Kind.recharge)
  sample("recharge", load.send())
  load.follow(Kind.reversal)
  sample("reversal of a recharge", load.send())
  load.fill(Kind.balance)
  sample("balance", load.send())
  load.fill(Kind.purchase)
  load.send()
  load.follow(Kind.reversal)
  sample("reversal of a purchase", load.send())
  load.fill(Kind.purchase)
  load.send()
  load.follow(Kind.void)
  sample("void of a purchase", load.send())
  load.fill(Kind.preauthorisation)
  sample("pre-authorisation", load.send())
  load.follow(Kind.completion)
  sample("completion", load.send())
  load.fill(Kind.preauthorisation)
  load.send()
  load.follow(Kind.cancellation)
  sample("cancellation", load.send())
  load.fill(Kind.transfer)
  sample("transfer", load.send())
}

/** Cards of a product with every rule. A recharge before each purchase fills the bonus purse, which is emptied again. */
const fullKinds = ({ load }: World, sample: Sample): void => {
  load.fill(Kind.recharge)
  sample("recharge with limits and bonus", load.send())
  load.follow(Kind.purchase)
  sample("purchase with PIN, limits, fee, two purses", load.send())
  load.follow(Kind.refund)
  sample("refund into two purses", load.send())
  load.fill(Kind.purchase)
  sample("purchase with PIN, limits, fee", load.send())
  load.fill(Kind.pinChange)
  sample("PIN change", load.send())
}

const measureFreeze = (ledger: Ledger): { freezeMs: number; pieceMsMax: number } => {
  const began = now()
  const sources = ledger.freeze()
  const freezeMs = now() - began
  let pieceMsMax = 0
  for (const source of sources) {
    for (;;) {
      const from = now()
      const piece = source.next()
      pieceMsMax = Math.max(pieceMsMax, now() - from)
      if (piece === null) break
    }
  }
  ledger.thaw()
  return { freezeMs, pieceMsMax }
}

const READ = "one random read that waits for the one before, over 512 MiB"

export const benchmark: Benchmark = {
  title: "Ledger by kind",
  measures: "one decision, cards and terminals at random: nanoseconds of one thread's processor time",
  run: async ({ rounds, quick }) => {
    const settings = quick ? { ...defaults, cards: 20_000, transactions: 2 ** 19 } : defaults
    const { cards, transactions, terminals } = settings
    const samplers = new Samplers()
    const open = makeWorld(settings, false)
    const full = makeWorld(settings, true)
    const cardBytes = open.ledger.shards[0].cards.bytes
    const { atRandom, inOrder } = open.ledger.memory.pages
    const slotBytes =
      [...atRandom, ...inOrder].reduce((sum, { byteLength }) => sum + byteLength, 0) / transactions
    const names = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const sample: Sample = (name, ns) => {
        names.add(name)
        samplers.add({ id: name, group: "a decision", name, unit: "ns", better: "lower" }, ns)
      }
      openKinds(open, sample)
      fullKinds(full, sample)
      const { dependentNs } = randomReads()
      for (const name of names) samplers.limit(name, READ, dependentNs)
    }
    for (const { ledger } of [open, full]) {
      if (ledger.imbalance(0) !== 0) throw new Error("the shard does not balance")
    }
    const once = (id: string, group: string, name: string, unit: string, value: number): void =>
      samplers.add({ id, group, name, unit, better: "lower" }, value)
    once("card-bytes", "bytes", "a card", "B", cardBytes / cards)
    once("transaction-bytes", "bytes", "a remembered transaction", "B", slotBytes)
    const { freezeMs, pieceMsMax } = measureFreeze(open.ledger)
    once("cards-command", "pauses", "the longest command of 8,192 cards", "ms", open.longest)
    once("freeze", "pauses", "freezing for a snapshot", "ms", freezeMs)
    once("piece", "pauses", "the longest piece of an image", "ms", pieceMsMax)
    return {
      figures: samplers.figures,
      notes: [
        `${cards.toLocaleString("en-US")} cards, ${terminals.toLocaleString("en-US")} terminals, ${transactions.toLocaleString("en-US")} slots remembered; bytes and pauses: once`,
      ],
    }
  },
}
