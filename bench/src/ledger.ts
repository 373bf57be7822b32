/** What one decision costs by kind, at 1,000,000 cards in random order; memory per card and per remembered transaction. */
import { pathToFileURL } from "node:url"
import { Ledger, READ_AHEAD_MAX } from "@millrace/ledger"
import { Kind, RECORD_WORDS, RecordFlag } from "@millrace/protocol"

export interface Settings {
  readonly cards: number
  readonly terminals: number
  /** Slots of the exactly-once memory. */
  readonly transactions: number
  readonly rounds: number
}

export interface KindCost {
  readonly name: string
  readonly minNs: number
  readonly medianNs: number
}

export interface Report {
  readonly settings: Settings
  readonly kinds: ReadonlyArray<KindCost>
  readonly bytesPerCard: number
  readonly bytesPerTransaction: number
  /** The longest command that made 8,192 cards, of those after the first few; tables grow in it. */
  readonly cardsCommandMsMax: number
  /** The freeze itself, and the longest pull of one piece. */
  readonly freezeMs: number
  readonly pieceMsMax: number
}

const defaults: Settings = {
  cards: 1_000_000,
  terminals: 10_000,
  transactions: 2 ** 22,
  rounds: 9,
}
const CARD_FIRST = 4_000_000_000_000_000n
const CARDS_PER_COMMAND = 8_192
const ROUND = 2 ** 17
/** Commands before the compiler has seen enough of them. */
const WARM_COMMANDS = 8

const now = (): number => performance.now()

class Load {
  readonly ledger: Ledger
  readonly words = new Uint32Array(ROUND * RECORD_WORDS)
  readonly #out = new Uint32Array(8)
  readonly #settings: Settings
  #state = 88_172_645
  #reference = 0

  constructor(ledger: Ledger, settings: Settings) {
    this.ledger = ledger
    this.#settings = settings
  }

  /** Marsaglia's xorshift: the same requests in every run. */
  #random(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    this.#state = x ^= x << 5
    return (x >>> 0) % below
  }

  fill(kind: number): void {
    const { cards, terminals } = this.#settings
    for (let i = 0, at = 0; i < ROUND; i++, at += RECORD_WORDS) {
      const card = Number(CARD_FIRST) + this.#random(cards)
      this.#reference++
      this.words[at] = this.#reference
      this.words[at + 1] = 1_000
      this.words[at + 2] = card % 2 ** 32
      this.words[at + 3] = Math.floor(card / 2 ** 32)
      this.words[at + 4] = kind === Kind.balance ? 0 : 1 + this.#random(100)
      this.words[at + 6] = 0
      this.words[at + 7] = 0
      this.words[at + 14] = 1 + this.#random(terminals)
      this.words[at + 15] = kind | (203 << 16)
    }
  }

  /** The requests just sent become the originals of others about them. */
  follow(kind: number): void {
    for (let i = 0, at = 0; i < ROUND; i++, at += RECORD_WORDS) {
      this.words[at + 6] = this.words[at]
      this.words[at + 7] = this.words[at + 1]
      this.words[at] = ++this.#reference
      this.words[at + 15] = kind | (203 << 16)
    }
  }

  repeat(): void {
    for (let at = 0; at < this.words.length; at += RECORD_WORDS) this.words[at + 15] |= RecordFlag.repeat << 8
  }

  /** Nanoseconds of this thread's CPU for one decision; `response` is what all of them must answer. */
  send(response: number, readAhead = true): number {
    const { ledger, words } = this
    const out = this.#out
    let wrong = 0
    const began = process.cpuUsage()
    for (let i = 0, at = 0; i < ROUND; i++, at += RECORD_WORDS) {
      // As the lane does, whose mailboxes hold one shard's requests each.
      if (readAhead && i % READ_AHEAD_MAX === 0)
        ledger.readAhead(0, words, at, Math.min(READ_AHEAD_MAX, ROUND - i))
      ledger.decide(0, 1, words, at, out, 0)
      if ((out[7] & 0xffff) !== response) wrong++
    }
    const { user, system } = process.cpuUsage(began)
    // A round of a hundred thousand random cards may find one that is empty.
    if (wrong > ROUND / 1_000) throw new Error(`${wrong} of ${ROUND} were not answered ${response}`)
    return ((user + system) * 1_000) / ROUND
  }
}

const provision = (ledger: Ledger, settings: Settings): number => {
  const by = "bench"
  const currency = 203
  const must = (result: { readonly ok: boolean }): void => {
    if (!result.ok) throw new Error(JSON.stringify(result))
  }
  must(ledger.control(1, { type: "merchant", by, number: 1, name: "Bench", currency, feeBasisPoints: 150 }))
  must(ledger.control(1, { type: "terminals", by, first: 1, count: settings.terminals, merchant: 1 }))
  let longest = 0
  for (let i = 0, command = 0; i < settings.cards; i += CARDS_PER_COMMAND, command++) {
    const count = Math.min(CARDS_PER_COMMAND, settings.cards - i)
    const first = CARD_FIRST + BigInt(i)
    const began = now()
    must(ledger.control(1, { type: "cards", by, first, count, currency, openingBalance: 1_000_000 }))
    if (command >= WARM_COMMANDS) longest = Math.max(longest, now() - began)
  }
  return longest
}

const measureKinds = (load: Load, rounds: number): ReadonlyArray<KindCost> => {
  const samples = new Map<string, Array<number>>()
  const sample = (name: string, ns: number): void => {
    samples.set(name, [...(samples.get(name) ?? []), ns])
  }
  for (let round = 0; round < rounds; round++) {
    load.fill(Kind.purchase)
    sample("purchase", load.send(0))
    load.repeat()
    sample("purchase, repeated", load.send(0))
    load.fill(Kind.purchase)
    sample("purchase, without reading ahead", load.send(0, false))
    load.follow(Kind.refund)
    sample("refund", load.send(0))
    load.fill(Kind.recharge)
    sample("recharge", load.send(0))
    load.follow(Kind.reversal)
    sample("reversal of a recharge", load.send(0))
    load.fill(Kind.balance)
    sample("balance", load.send(0))
    load.fill(Kind.purchase)
    load.send(0)
    load.follow(Kind.reversal)
    sample("reversal of a purchase", load.send(0))
  }
  return [...samples].map(([name, all]) => {
    const sorted = all.sort((a, b) => a - b)
    return { name, minNs: sorted[0], medianNs: sorted[Math.floor(sorted.length / 2)] }
  })
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

export const run = (some: Partial<Settings> = {}): Report => {
  const settings = { ...defaults, ...some }
  const { cards, transactions, rounds } = settings
  const ledger = new Ledger({ shards: 1, transactions })
  const before = process.memoryUsage.rss()
  // As the engine's own thread does: the first touch of a page is not what is measured.
  const { atRandom, inOrder } = ledger.memory.pages
  for (const array of [...atRandom, ...inOrder]) for (let i = 0; i < array.length; i += 1_024) array[i] = 0
  const bytesPerTransaction = (process.memoryUsage.rss() - before) / transactions
  const cardsCommandMsMax = provision(ledger, settings)
  const bytesPerCard = ledger.shards.reduce((sum, shard) => sum + shard.cards.bytes, 0) / cards
  const kinds = measureKinds(new Load(ledger, settings), rounds)
  if (ledger.imbalance(0) !== 0) throw new Error("the shard does not balance")
  return { settings, kinds, bytesPerCard, bytesPerTransaction, cardsCommandMsMax, ...measureFreeze(ledger) }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const report = run(process.argv[2] === undefined ? {} : { cards: Number(process.argv[2]) })
  const { cards, terminals, transactions } = report.settings
  const figure = (value: number, digits = 0): string => value.toFixed(digits)
  console.log(
    `${cards.toLocaleString("en")} cards, ${terminals.toLocaleString("en")} terminals, both at random;`,
  )
  console.log(`${transactions.toLocaleString("en")} slots remembered. CPU time of one thread.\n`)
  console.log("| decision | ns, least | ns, median |\n|---|---|---|")
  for (const { name, minNs, medianNs } of report.kinds) {
    console.log(`| ${name} | ${figure(minNs)} | ${figure(medianNs)} |`)
  }
  console.log(`\n| | |\n|---|---|\n| bytes per card | ${figure(report.bytesPerCard, 1)} |`)
  console.log(`| bytes per remembered transaction | ${figure(report.bytesPerTransaction, 1)} |`)
  console.log(`| longest command of 8,192 cards | ${figure(report.cardsCommandMsMax, 1)} ms |`)
  console.log(`| freeze | ${figure(report.freezeMs, 1)} ms |`)
  console.log(`| longest piece of an image | ${figure(report.pieceMsMax, 1)} ms |`)
}
