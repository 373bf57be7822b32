/** A host's zone master keys for ISO 8583: derived when they are asked for, and kept nowhere. */
import { keyCheckValue } from "@millrace/iso8583"
import type { Scheme } from "@millrace/ledger"
import { Effect } from "effect"
import { zoneMasterKey } from "../iso/HostKeys.ts"
import { type Answer, refuse } from "./answer.ts"

export const isoKeys = (scheme: Scheme, schemeKey: Uint8Array, id: string): Answer => {
  const host = scheme.host(id)
  if (host === undefined) return refuse("not-found", "no such host")
  const tdes = zoneMasterKey(schemeKey, id, host.keyVersion, "tdes")
  const aes = zoneMasterKey(schemeKey, id, host.keyVersion, "aes")
  return Effect.succeed({
    type: "iso-keys.ok",
    tdes,
    tdesCheck: keyCheckValue("tdes", tdes),
    aes,
    aesCheck: keyCheckValue("aes", aes),
  })
}
