/** Requests in random order over many cards, sent to a ledger and timed: the load of bench/src/ledger.ts. */
import { type Ledger, READ_AHEAD_MAX } from "@millrace/ledger"
import { Kind, RECORD_WORDS, RecordFlag, RecordWord } from "@millrace/protocol"

export interface Settings {
  readonly cards: number
  readonly terminals: number
  /** Slots of the exactly-once memory. */
  readonly transactions: number
}

export const CARD_FIRST = 4_000_000_000_000_000n
export const CURRENCY = 203
/** A business day in 2026. */
export const TIME = 1_790_000_000_000
/** Both words of the verifier that every card has. */
export const PIN = 0x1234_5678
const ROUND = 2 ** 17

const amountless: ReadonlySet<number> = new Set([
  Kind.balance,
  Kind.pinChange,
  Kind.reversal,
  Kind.void,
  Kind.cancellation,
])

export class Load {
  readonly ledger: Ledger
  readonly words = new Uint32Array(ROUND * RECORD_WORDS)
  readonly #out = new Uint32Array(8)
  readonly #settings: Settings
  #state = 88_172_645
  #card = 1
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

  /** Each card once before any comes again, in an order that no cache can guess. */
  #nextCard(): number {
    const { cards } = this.#settings
    const mask = 2 ** Math.ceil(Math.log2(cards)) - 1
    do this.#card = (Math.imul(this.#card, 1_664_525) + 1_013_904_223) & mask
    while (this.#card >= cards)
    return Number(CARD_FIRST) + ((Math.imul(this.#card, 0x9e37_79b1) >>> 0) % cards)
  }

  fill(kind: number): void {
    const { terminals } = this.#settings
    const words = this.words
    for (let i = 0, at = 0; i < ROUND; i++, at += RECORD_WORDS) {
      const card = this.#nextCard()
      words.fill(0, at, at + RECORD_WORDS)
      words[at + RecordWord.referenceHi] = 1_000
      words[at + RecordWord.cardLo] = card % 2 ** 32
      words[at + RecordWord.cardHi] = Math.floor(card / 2 ** 32)
      words[at + RecordWord.terminal] = 1 + this.#random(terminals)
    }
    this.follow(kind)
    for (let at = 0; at < words.length; at += RECORD_WORDS) words[at + RecordWord.originalLo] = 0
    for (let at = 0; at < words.length; at += RECORD_WORDS) words[at + RecordWord.originalHi] = 0
  }

  /** The requests just sent become the originals of others about them, of the same cards and terminals. */
  follow(kind: number): void {
    const words = this.words
    for (let at = 0; at < words.length; at += RECORD_WORDS) {
      words[at + RecordWord.originalLo] = words[at + RecordWord.referenceLo]
      words[at + RecordWord.originalHi] = words[at + RecordWord.referenceHi]
      words[at + RecordWord.referenceLo] = ++this.#reference
      words[at + RecordWord.kindFlagsCurrency] = kind | (CURRENCY << 16)
      words[at + RecordWord.amountLo] = this.#amountOf(kind, words[at + RecordWord.amountLo])
      words[at + RecordWord.pinBlock0] = PIN
      words[at + RecordWord.pinBlock1] = PIN
      if (kind === Kind.transfer) {
        words[at + RecordWord.counterpartyLo] = words[at + RecordWord.cardLo] ^ 1
        words[at + RecordWord.counterpartyHi] = words[at + RecordWord.cardHi]
      } else if (kind === Kind.pinChange) {
        words[at + RecordWord.originalLo] = 0
        words[at + RecordWord.originalHi] = 0
        words[at + RecordWord.counterpartyLo] = PIN
        words[at + RecordWord.counterpartyHi] = PIN
      }
    }
  }

  /** What follows is of the amount before; a purchase is of more than the bonus of a recharge, and of less than the recharge. */
  #amountOf(kind: number, before: number): number {
    if (amountless.has(kind)) return 0
    if (kind === Kind.recharge) return 1_000 + this.#random(100)
    return before === 0 || before >= 1_000 ? 200 + this.#random(100) : before
  }

  repeat(): void {
    const flag = RecordFlag.repeat << 8
    for (let at = 0; at < this.words.length; at += RECORD_WORDS)
      this.words[at + RecordWord.kindFlagsCurrency] |= flag
  }

  /** Nanoseconds of this thread's CPU for one decision; all of them must be approved. */
  send(readAhead = true): number {
    const { ledger, words } = this
    const out = this.#out
    let wrong = 0
    const began = process.cpuUsage()
    for (let i = 0, at = 0; i < ROUND; i++, at += RECORD_WORDS) {
      // As the lane does, whose mailboxes hold one shard's requests each.
      if (readAhead && i % READ_AHEAD_MAX === 0)
        ledger.readAhead(0, words, at, Math.min(READ_AHEAD_MAX, ROUND - i))
      if (readAhead) ledger.decideAhead(0, TIME, words, at, out, 0, i % READ_AHEAD_MAX)
      else ledger.decide(0, TIME, words, at, out, 0)
      if ((out[7] & 0xffff) !== 0) wrong++
    }
    const { user, system } = process.cpuUsage(began)
    // A round of a hundred thousand random cards may find one that is empty.
    if (wrong > ROUND / 1_000) throw new Error(`${wrong} of ${ROUND} were not approved: ${out[7] & 0xffff}`)
    return ((user + system) * 1_000) / ROUND
  }
}
