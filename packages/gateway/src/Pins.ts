/** PIN blocks become verifiers: what the ledger compares. No PIN and no block goes further than this file. */
import { type Cipher, createCipheriv, createDecipheriv, createHmac, type Decipher } from "node:crypto"
import {
  DECIMAL_BYTES,
  Kind,
  PIN_BLOCK_BYTES,
  pinFieldDigit,
  pinFieldDigits,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  writeDecimal,
  writePanField,
  xorBlock,
} from "@millrace/protocol"

/** Blocks that go through AES in one call: a call costs more than a hundred blocks in it. */
const BLOCKS_MAX = 256
const WORD_MAX = 0xffff_ffff
/** Never the verifier of a PIN: what a block gives that does not decode. */
const NO_PIN = WORD_MAX
/** First nibble of what a verifier is made of; a card number of 19 digits has 0 there. */
const CODE_MARK = 0xc0
const FILLER = 0xf
/** Digits of a PIN, filled up, behind a number of 20 digits: 16 bytes together. */
const PIN_PLACES = (PIN_BLOCK_BYTES - DECIMAL_BYTES) * 2

/** AES-256-ECB, one way or the other, on whole blocks. */
type Blocks = (blocks: Uint8Array) => Uint8Array

/** The merchant's number of a terminal, or 0 when there is none. */
export type MerchantOf = (terminal: number) => number

const ecb = (cipher: Cipher | Decipher): Blocks => {
  cipher.setAutoPadding(false)
  return (blocks) => cipher.update(blocks)
}

const isZero = (view: DataView, at: number): boolean =>
  view.getUint32(at, true) === 0 &&
  view.getUint32(at + 4, true) === 0 &&
  view.getUint32(at + 8, true) === 0 &&
  view.getUint32(at + 12, true) === 0

const writeWords = (view: DataView, at: number, lo: number, hi: number): void => {
  view.setUint32(at, lo, true)
  view.setUint32(at + 4, hi, true)
}

/**
 * verifier = the first 8 bytes of AES-256-ECB(key, number as 20 packed digits ‖ PIN, filled with F to 12 digits), as a
 * little-endian u64 that is neither 0 nor all ones. The number is the card's; for an authorisation code it is the
 * merchant's, with C as its first digit. key = HMAC-SHA-256(scheme key, "pin verification" ‖ 0).
 *
 * One for all sessions: its buffers are used within a call and hold nothing afterwards.
 */
export class PinDesk {
  readonly #encrypt: Blocks
  readonly #merchantOf: MerchantOf
  readonly #blocks = new Uint8Array(BLOCKS_MAX * PIN_BLOCK_BYTES)
  readonly #blocksView = new DataView(this.#blocks.buffer)
  readonly #pans = new Uint8Array(BLOCKS_MAX * PIN_BLOCK_BYTES)
  /** Whose verifier: a card's number in words, or a merchant's. */
  readonly #ownerLo = new Uint32Array(BLOCKS_MAX)
  readonly #ownerHi = new Uint32Array(BLOCKS_MAX)
  readonly #isCode = new Uint8Array(BLOCKS_MAX)
  /** Of a pinChange: the PIN from now on. */
  readonly #isNew = new Uint8Array(BLOCKS_MAX)
  readonly #isGood = new Uint8Array(BLOCKS_MAX)
  /** Where the block lies in the records. */
  readonly #at = new Float64Array(BLOCKS_MAX)
  #count = 0

  constructor(schemeKey: Uint8Array, merchantOf: MerchantOf) {
    const key = createHmac("sha256", schemeKey).update("pin verification\0").digest()
    this.#encrypt = ecb(createCipheriv("aes-256-ecb", key, null))
    this.#merchantOf = merchantOf
  }

  /** Each PIN block of the records becomes its verifier, in place. Records without one are not touched. */
  translate(decrypt: Blocks, view: DataView, at: number, count: number): void {
    for (let i = 0; i < count; i++, at += RECORD_BYTES) {
      const kind = view.getUint8(at + RecordAt.kind)
      if (!isZero(view, at + RecordAt.pinBlock)) this.#takePin(decrypt, view, at, kind)
      if (kind === Kind.pinChange && !isZero(view, at + RecordAt.original)) {
        this.#take(decrypt, view, at, at + RecordAt.original)
        this.#isNew[this.#count - 1] = 1
      }
    }
    this.#settle(decrypt, view)
  }

  /** The verifier of a block that came in a message, or undefined when it is none of this number. */
  verifier(decrypt: Blocks, number: bigint, block: Uint8Array, isCode: boolean): bigint | undefined {
    const view = new DataView(new ArrayBuffer(RECORD_BYTES))
    view.setBigUint64(RecordAt.card, number, true)
    new Uint8Array(view.buffer).set(block, RecordAt.pinBlock)
    this.#take(decrypt, view, 0, RecordAt.pinBlock)
    this.#isCode[0] = isCode ? 1 : 0
    this.#settle(decrypt, view)
    return this.#isGood[0] === 1 ? view.getBigUint64(RecordAt.pinBlock, true) : undefined
  }

  /** The PIN field: the card's PIN, or with CODE the merchant's authorisation code. */
  #takePin(decrypt: Blocks, view: DataView, at: number, kind: number): void {
    this.#take(decrypt, view, at, at + RecordAt.pinBlock)
    const isCode =
      (view.getUint8(at + RecordAt.flags) & RecordFlag.code) !== 0 &&
      (kind === Kind.recharge || kind === Kind.refund)
    if (!isCode) return
    const merchant = this.#merchantOf(view.getUint32(at + RecordAt.terminal, true))
    const last = this.#count - 1
    this.#ownerLo[last] = merchant
    this.#ownerHi[last] = 0
    this.#isCode[last] = 1
    if (merchant === 0) this.#isGood[last] = 0
  }

  /** Puts a block of this record's card on the list. */
  #take(decrypt: Blocks, view: DataView, record: number, at: number): void {
    if (this.#count === BLOCKS_MAX) this.#settle(decrypt, view)
    const i = this.#count++
    const block = i * PIN_BLOCK_BYTES
    for (let word = 0; word < PIN_BLOCK_BYTES; word += 4) {
      this.#blocksView.setUint32(block + word, view.getUint32(at + word, true), true)
    }
    const lo = view.getUint32(record + RecordAt.card, true)
    const hi = view.getUint32(record + RecordAt.card + 4, true)
    this.#isGood[i] = writePanField(this.#pans, block, lo, hi) ? 1 : 0
    this.#ownerLo[i] = lo
    this.#ownerHi[i] = hi
    this.#isCode[i] = 0
    this.#isNew[i] = 0
    this.#at[i] = at
  }

  /** Everything on the list, in three calls of AES however long it is. */
  #settle(decrypt: Blocks, view: DataView): void {
    const count = this.#count
    if (count === 0) return
    this.#count = 0
    const end = count * PIN_BLOCK_BYTES
    const middle = decrypt(this.#blocks.subarray(0, end))
    for (let at = 0; at < end; at += PIN_BLOCK_BYTES) xorBlock(middle, at, this.#pans, at)
    const fields = decrypt(middle)
    for (let i = 0; i < count; i++) this.#writeQuestion(fields, i)
    const verifiers = this.#encrypt(this.#blocks.subarray(0, end))
    const words = new DataView(verifiers.buffer, verifiers.byteOffset, verifiers.byteLength)
    for (let i = 0; i < count; i++) this.#answer(view, i, words)
    middle.fill(0)
    fields.fill(0)
    this.#blocks.fill(0, 0, end)
    this.#pans.fill(0, 0, end)
  }

  /** In the place of the block: number and PIN, as the verifier is made of them. */
  #writeQuestion(fields: Uint8Array, i: number): void {
    const block = i * PIN_BLOCK_BYTES
    const digits = pinFieldDigits(fields, block)
    if (digits === 0) this.#isGood[i] = 0
    if (this.#isGood[i] === 0) return
    writeDecimal(this.#blocks, block, this.#ownerLo[i], this.#ownerHi[i])
    if (this.#isCode[i] === 1) this.#blocks[block] |= CODE_MARK
    for (let place = 0; place < PIN_PLACES; place += 2) {
      const high = place < digits ? pinFieldDigit(fields, block, place) : FILLER
      const low = place + 1 < digits ? pinFieldDigit(fields, block, place + 1) : FILLER
      this.#blocks[block + DECIMAL_BYTES + place / 2] = (high << 4) | low
    }
  }

  #answer(view: DataView, i: number, verifiers: DataView): void {
    const at = this.#at[i]
    const isGood = this.#isGood[i] === 1
    let lo = isGood ? verifiers.getUint32(i * PIN_BLOCK_BYTES, true) : NO_PIN
    let hi = isGood ? verifiers.getUint32(i * PIN_BLOCK_BYTES + 4, true) : NO_PIN
    if (isGood && lo === 0 && hi === 0) lo = 1
    if (isGood && lo === WORD_MAX && hi === WORD_MAX) lo = WORD_MAX - 1
    if (this.#isNew[i] === 0) {
      writeWords(view, at, lo, hi)
      writeWords(view, at + 8, 0, 0)
      return
    }
    // A new PIN that can't be read must not be set: without a counterparty the ledger refuses the change.
    if (!isGood) lo = hi = 0
    writeWords(view, at, 0, 0)
    writeWords(view, at + 8, lo, hi)
  }
}

/** The PINs of one session, under its own key. The cipher is made with the first PIN: most sessions have none. */
export class SessionPins {
  readonly #desk: PinDesk
  readonly #key: Uint8Array
  #decipher: Blocks | undefined

  /** @param key the session's PIN key, 32 bytes */
  constructor(desk: PinDesk, key: Uint8Array) {
    this.#desk = desk
    this.#key = key
  }

  readonly #decrypt: Blocks = (blocks) => {
    this.#decipher ??= ecb(createDecipheriv("aes-256-ecb", this.#key, null))
    return this.#decipher(blocks)
  }

  /** Each PIN block of the records becomes its verifier, in place. */
  translate(view: DataView, at: number, count: number): void {
    this.#desk.translate(this.#decrypt, view, at, count)
  }

  /** Of a card's PIN that came in a message; undefined when the block is none of this card. */
  ofCard(card: bigint, block: Uint8Array): bigint | undefined {
    return this.#desk.verifier(this.#decrypt, card, block, false)
  }

  /** Of a merchant's authorisation code, whose block is made with the merchant's number as card number. */
  ofMerchant(merchant: number, block: Uint8Array): bigint | undefined {
    return this.#desk.verifier(this.#decrypt, BigInt(merchant), block, true)
  }
}
