/** The keys of one connection: which are in force, which are just gone, and what MACs are made and checked with. */

import { aesCmac, type MacOf, type Message, macPartsOf, retailMac, sameMac } from "@millrace/iso8583"
import { keysText, makeSessionKeys, masterCipher, type SessionKeys, zoneMasterKey } from "./HostKeys.ts"
import type { IsoHost } from "./IsoHost.ts"

/** What fields 64 and 128 hold; of a CMAC the first half. */
const MAC_BYTES = 8

/** What was found of a message's MAC: the keys that it is right under, or why it is refused. */
export type MacVerdict =
  | { readonly _tag: "Right"; readonly keys: SessionKeys | undefined }
  | { readonly _tag: "Wrong" }

const wrong: MacVerdict = { _tag: "Wrong" }

export class Zone {
  readonly #host: IsoHost
  #keys: SessionKeys | undefined
  #before: SessionKeys | undefined
  #beforeUntil = 0

  constructor(host: IsoHost) {
    this.#host = host
  }

  get keys(): SessionKeys | undefined {
    return this.#keys
  }

  /** New keys from now on; those before are still good for what is on its way. Returns field 48. */
  renew(schemeKey: Uint8Array, keyVersion: number, goodUntilSecond: number): string {
    const host = this.#host
    this.#before = this.#keys
    this.#beforeUntil = goodUntilSecond
    this.#keys = makeSessionKeys(host)
    return keysText(host, zoneMasterKey(schemeKey, host.id, keyVersion, masterCipher(host)), this.#keys)
  }

  /** After a logoff nothing is good any more. */
  drop(): void {
    this.#keys = undefined
    this.#before = undefined
  }

  /** @param bytes the message as it came */
  check(bytes: Uint8Array, message: Message, nowSeconds: number): MacVerdict {
    const host = this.#host
    if (host.mac === "none") return { _tag: "Right", keys: this.#keys }
    const parts = macPartsOf(bytes, message, host.dialect)
    if (parts === undefined || parts.mac.length < MAC_BYTES) return wrong
    if (nowSeconds > this.#beforeUntil) this.#before = undefined
    for (const keys of [this.#keys, this.#before]) {
      if (keys?.mac === undefined) continue
      const expected = macOf(host, keys.mac)(parts.covered)
      if (sameMac(expected, parts.mac.subarray(0, MAC_BYTES))) return { _tag: "Right", keys }
    }
    return wrong
  }

  /** What makes the MAC of an answer, or undefined when it has none. */
  maker(keys: SessionKeys | undefined): MacOf | undefined {
    return keys?.mac === undefined ? undefined : macOf(this.#host, keys.mac)
  }
}

const macOf = (host: IsoHost, key: Uint8Array): MacOf =>
  host.mac === "cmac"
    ? (bytes) => aesCmac(key, bytes).subarray(0, MAC_BYTES)
    : (bytes) => retailMac(key, bytes).subarray(0, MAC_BYTES)
