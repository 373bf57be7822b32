/** The two messages before a session may speak: hello, answered by a challenge, and logon, by a welcome. */
import {
  identityText,
  type MessageMap,
  PROTOCOL_VERSION,
  SERVER_NONCE_BYTES,
  type Identity as WireIdentity,
} from "@millrace/protocol"
import { decodeLogon } from "@millrace/protocol/messages"
import { Result } from "effect"
import type { Identities, Proved } from "./Identities.ts"
import type { LogonGuard, LogonRefusal } from "./LogonGuard.ts"
import type { Fault } from "./Session.ts"
import type { Transport } from "./Transport.ts"

/** One sentence for whatever was wrong: who guesses learns nothing from it. */
const refused: Fault = { code: "logon-refused", message: "the logon was refused" }

/** One sentence for locks and rates alike: it does not say whether the identity is known. */
export const tooManyLogons: Fault = { code: "busy", message: "too many logons: try again after a pause" }

export type LogonStep =
  | { readonly _tag: "Challenge"; readonly nonce: Uint8Array }
  | ({ readonly _tag: "Welcome" } & Proved)
  | { readonly _tag: "Refused"; readonly fault: Fault; readonly why?: LogonRefusal }

/** What all logons of a gateway share. */
export interface LogonRules {
  readonly identities: Identities
  readonly guard: LogonGuard
  readonly randomBytes: (count: number) => Uint8Array
  /** A host must have shown a certificate. */
  readonly hostsCertified: boolean
}

/** What was asked of the client, until it proves itself. */
interface Asked {
  readonly identity: WireIdentity
  readonly clientNonce: Uint8Array
  readonly serverNonce: Uint8Array
}

const refuse = (fault: Fault, why?: LogonRefusal): LogonStep =>
  why === undefined ? { _tag: "Refused", fault } : { _tag: "Refused", fault, why }

export class Logon {
  readonly #rules: LogonRules
  readonly #transport: Transport
  #asked: Asked | undefined

  constructor(rules: LogonRules, transport: Transport) {
    this.#rules = rules
    this.#transport = transport
  }

  next(message: MessageMap): LogonStep {
    return this.#asked === undefined ? this.#hello(message) : this.#logon(this.#asked, message)
  }

  #hello(message: MessageMap): LogonStep {
    const decoded = decodeLogon("hello", message)
    if (Result.isFailure(decoded)) return refuse(decoded.failure)
    const hello = decoded.success
    if (hello.type === "error") return refuse(refused)
    if (hello.protocol !== PROTOCOL_VERSION) {
      return refuse({
        code: "unsupported-version",
        message: `protocol ${hello.protocol}; this side speaks ${PROTOCOL_VERSION}`,
      })
    }
    const { guard, randomBytes } = this.#rules
    const { address } = this.#transport
    const tooFast = guard.begins(address)
    if (tooFast !== undefined) return refuse(tooManyLogons, tooFast)
    // A locked identity costs no more than this: a storm of wrong keys does not get to the hashes.
    if (guard.locked(identityText(hello.identity), address)) return refuse(tooManyLogons, "locked")
    const nonce = randomBytes(SERVER_NONCE_BYTES)
    this.#asked = { identity: hello.identity, clientNonce: hello.nonce, serverNonce: nonce }
    return { _tag: "Challenge", nonce }
  }

  #logon(asked: Asked, message: MessageMap): LogonStep {
    const decoded = decodeLogon("logon", message)
    if (Result.isFailure(decoded)) return refuse(decoded.failure)
    if (decoded.success.type === "error") return refuse(refused)
    const { identity, serverNonce, clientNonce } = asked
    const { identities, guard, hostsCertified } = this.#rules
    const { address, certified } = this.#transport
    const name = identityText(identity)
    // Many connections may have said hello before the first of them failed.
    if (guard.locked(name, address)) return refuse(tooManyLogons, "locked")
    const proved = identities.prove(identity, serverNonce, clientNonce, decoded.success.proof)
    if (proved === undefined) {
      guard.failed(name, address)
      return refuse(refused, "wrong")
    }
    guard.succeeded(name, address)
    if (hostsCertified && "host" in identity && !certified) return refuse(refused, "certificate")
    return { _tag: "Welcome", ...proved }
  }
}
