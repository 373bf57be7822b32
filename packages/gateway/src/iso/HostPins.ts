/** PIN blocks of a host become what the ledger compares: the same verifiers as those of the native protocol. */
import { createCipheriv, randomBytes } from "node:crypto"
import { format0Pin } from "@millrace/iso8583"
import {
  encodePinBlock,
  isPin,
  PIN_BLOCK_BYTES,
  PIN_FILL_BYTES,
  PIN_KEY_BYTES,
  RecordAt,
} from "@millrace/protocol"
import { type PinDesk, SessionPins } from "../Pins.ts"
import type { SessionKeys } from "./HostKeys.ts"
import type { PinFormat } from "./IsoHost.ts"

/** The verifier that no PIN has. */
const NEVER = 0xffff_ffff_ffff_ffffn

/** One for all connections. */
export class HostPins {
  readonly #desk: PinDesk
  /** PINs of format 0 are translated into blocks of format 4 under a key of this process, and go on like any other. */
  readonly #innerKey = randomBytes(PIN_KEY_BYTES)
  readonly #inner: SessionPins
  /** By session key: a cipher is made once for each. */
  readonly #sessions = new WeakMap<SessionKeys, SessionPins>()

  constructor(desk: PinDesk) {
    this.#desk = desk
    this.#inner = new SessionPins(desk, this.#innerKey)
  }

  /** Puts the verifier of the card's PIN into the record in `view`. A block that does not decode gives the one that never matches. */
  translate(format: PinFormat, keys: SessionKeys | undefined, block: Uint8Array, view: DataView): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    if (keys !== undefined && format === "format4" && block.length === PIN_BLOCK_BYTES && !isZero(block)) {
      bytes.set(block, RecordAt.pinBlock)
      this.#pinsOf(keys).translate(view, 0, 1)
      return
    }
    if (keys !== undefined && format === "format0" && this.#putInner(keys, block, view, bytes)) {
      this.#inner.translate(view, 0, 1)
      return
    }
    view.setBigUint64(RecordAt.pinBlock, NEVER, true)
  }

  #putInner(keys: SessionKeys, block: Uint8Array, view: DataView, bytes: Uint8Array): boolean {
    const card = view.getBigUint64(RecordAt.card, true)
    const pin = format0Pin(keys.pin, card.toString(), block)
    if (pin === undefined || !isPin(pin)) return false
    const cipher = createCipheriv("aes-256-ecb", this.#innerKey, null).setAutoPadding(false)
    const inner = encodePinBlock((field) => cipher.update(field), card, pin, randomBytes(PIN_FILL_BYTES))
    bytes.set(inner, RecordAt.pinBlock)
    return true
  }

  #pinsOf(keys: SessionKeys): SessionPins {
    const known = this.#sessions.get(keys)
    if (known !== undefined) return known
    const pins = new SessionPins(this.#desk, keys.pin)
    this.#sessions.set(keys, pins)
    return pins
  }
}

const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0)
