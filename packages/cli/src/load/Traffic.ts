// The transactions of a load, drawn from a seed: which card, which kind, what amount, written straight into frames.
import { Kind, RecordAt, writeRecord } from "@millrace/protocol"
import { amountOf, KIND_TABLE_MASK, kindTable, type Mix, rechargeScale } from "./Mix.ts"
import { LOAD_CURRENCY, loadCardFirst } from "./Population.ts"

const TWO_32 = 0x1_0000_0000

export class Traffic {
  readonly #kinds: Uint8Array
  readonly #rechargeScale: number
  readonly #cards: number
  readonly #cardLo = loadCardFirst % TWO_32
  readonly #cardHi = Math.floor(loadCardFirst / TWO_32)
  /** xorshift32; kept signed, so that it stays a small integer. */
  #state: number

  /** @param seed any integer; the same seed gives the same transactions */
  constructor(mix: Mix, cards: number, seed: number) {
    this.#kinds = kindTable(mix)
    this.#rechargeScale = rechargeScale(mix)
    this.#cards = cards
    // A state of 0 would stay 0; the multiplication sets neighbouring seeds apart.
    this.#state = Math.imul(seed, 0x9e37_79b1) | 0 || 1
    for (let i = 0; i < 8; i++) this.#random()
  }

  /** Writes the next transaction as a record at byte `at`. */
  write(view: DataView, at: number, referenceLo: number, referenceHi: number, terminal: number): void {
    const draw = this.#random()
    const card = this.#cardLo + Math.floor((this.#random() * this.#cards) / TWO_32)
    const kind = this.#kinds[draw & KIND_TABLE_MASK]
    const cardHi = card < TWO_32 ? this.#cardHi : this.#cardHi + 1
    const amount = amountOf(kind, draw, this.#rechargeScale)
    writeRecord(
      view,
      at,
      referenceLo,
      referenceHi,
      card,
      cardHi,
      amount,
      0,
      0,
      0,
      terminal,
      kind,
      0,
      LOAD_CURRENCY,
    )
    if (kind === Kind.transfer) this.#writePayee(view, at, card)
  }

  /** Any card but the payer, whose number's low half is `payer`, not wrapped. */
  #writePayee(view: DataView, at: number, payer: number): void {
    let payee = this.#cardLo + Math.floor((this.#random() * this.#cards) / TWO_32)
    if (payee === payer) payee = payer === this.#cardLo ? payer + 1 : payer - 1
    view.setUint32(at + RecordAt.counterparty, payee, true)
    view.setUint32(at + RecordAt.counterparty + 4, payee < TWO_32 ? this.#cardHi : this.#cardHi + 1, true)
  }

  #random(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }
}
