/** A card's check value: six digits that only the scheme can tell, stored nowhere; and who guesses too often. */
import { createHmac, timingSafeEqual } from "node:crypto"
import { DECIMAL_BYTES, writeDecimal } from "@millrace/protocol"
import { CHECK_VALUE_DIGITS } from "@millrace/protocol/messages"

const WRONG_MAX = 3
/** How long wrong ones are remembered, and a card is locked. */
const LOCK_MS = 3_600_000
/** Cards with wrong ones within that time. */
const CARDS_MAX = 65_536
/** Of the HMAC: 48 bits, which a number holds exactly and in which a million leaves no bias that counts. */
const NUMBER_BYTES = 6
const VALUES = 10 ** CHECK_VALUE_DIGITS

interface Wrong {
  count: number
  lastMs: number
}

/** What came of a question. */
export interface Checked {
  readonly valid: boolean
  readonly triesLeft: number
}

export class CheckValues {
  readonly #key: Uint8Array
  readonly #wrong = new Map<bigint, Wrong>()
  readonly #cardsMax: number

  /** key = HMAC-SHA-256(scheme key, "card check" ‖ 0) */
  constructor(schemeKey: Uint8Array, cardsMax = CARDS_MAX) {
    this.#cardsMax = cardsMax
    this.#key = createHmac("sha256", schemeKey).update("card check\0").digest()
  }

  /** HMAC-SHA-256(key, number as 20 packed digits ‖ u32 nonce): its first 6 bytes, big-endian, modulo 10^6. */
  of(card: bigint, nonce: number): string {
    const text = Buffer.alloc(DECIMAL_BYTES + 4)
    writeDecimal(text, 0, Number(card & 0xffff_ffffn), Number(card >> 32n))
    text.writeUInt32LE(nonce, DECIMAL_BYTES)
    const mac = createHmac("sha256", this.#key).update(text).digest()
    return String(mac.readUIntBE(0, NUMBER_BYTES) % VALUES).padStart(CHECK_VALUE_DIGITS, "0")
  }

  /**
   * Compares; `nonce` is undefined for a card that does not exist, which must not be told from a wrong value. When there
   * are wrong ones of too many cards, the longest ago is forgotten: who would try three more values of a card has to
   * ask for all the others first.
   */
  check(card: bigint, nonce: number | undefined, said: string, nowMs: number): Checked {
    const wrong = this.#recent(card, nowMs)
    if (wrong >= WRONG_MAX) return { valid: false, triesLeft: 0 }
    const equal = timingSafeEqual(Buffer.from(this.of(card, nonce ?? 0)), Buffer.from(said))
    if (equal && nonce !== undefined) {
      this.#wrong.delete(card)
      return { valid: true, triesLeft: WRONG_MAX }
    }
    this.#wrong.delete(card)
    for (const oldest of this.#wrong.keys()) {
      if (this.#wrong.size < this.#cardsMax) break
      this.#wrong.delete(oldest)
    }
    this.#wrong.set(card, { count: wrong + 1, lastMs: nowMs })
    return { valid: false, triesLeft: WRONG_MAX - wrong - 1 }
  }

  #recent(card: bigint, nowMs: number): number {
    const wrong = this.#wrong.get(card)
    if (wrong === undefined) return 0
    if (nowMs - wrong.lastMs < LOCK_MS) return wrong.count
    this.#wrong.delete(card)
    return 0
  }
}
