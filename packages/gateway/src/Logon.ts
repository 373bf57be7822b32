/** The two messages before a session may speak: hello, answered by a challenge, and logon, by a welcome. */
import { randomBytes } from "node:crypto"
import {
  type MessageMap,
  PROTOCOL_VERSION,
  SERVER_NONCE_BYTES,
  type Identity as WireIdentity,
} from "@millrace/protocol"
import { decodeLogon } from "@millrace/protocol/messages"
import { Result } from "effect"
import type { Identities, Proved } from "./Identities.ts"
import type { Fault } from "./Session.ts"

/** One sentence for whatever was wrong: who guesses learns nothing from it. */
const refused: Fault = { code: "logon-refused", message: "the logon was refused" }

export type LogonStep =
  | { readonly _tag: "Challenge"; readonly nonce: Uint8Array }
  | ({ readonly _tag: "Welcome" } & Proved)
  | { readonly _tag: "Refused"; readonly fault: Fault }

/** What was asked of the client, until it proves itself. */
interface Asked {
  readonly identity: WireIdentity
  readonly clientNonce: Uint8Array
  readonly serverNonce: Uint8Array
}

const refuse = (fault: Fault): LogonStep => ({ _tag: "Refused", fault })

export class Logon {
  readonly #identities: Identities
  #asked: Asked | undefined

  constructor(identities: Identities) {
    this.#identities = identities
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
    const nonce = randomBytes(SERVER_NONCE_BYTES)
    this.#asked = { identity: hello.identity, clientNonce: hello.nonce, serverNonce: nonce }
    return { _tag: "Challenge", nonce }
  }

  #logon(asked: Asked, message: MessageMap): LogonStep {
    const decoded = decodeLogon("logon", message)
    if (Result.isFailure(decoded)) return refuse(decoded.failure)
    if (decoded.success.type === "error") return refuse(refused)
    const { identity, serverNonce, clientNonce } = asked
    const proved = this.#identities.prove(identity, serverNonce, clientNonce, decoded.success.proof)
    return proved === undefined ? refuse(refused) : { _tag: "Welcome", ...proved }
  }
}
