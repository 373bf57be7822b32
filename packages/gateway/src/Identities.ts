/** Who may log on, with which key, and what for. */
import { createHmac, timingSafeEqual } from "node:crypto"
import type { Scheme } from "@millrace/ledger"
import {
  clientTranscript,
  identityText,
  logonKeyTranscript,
  pinKeyTranscript,
  serverTranscript,
  type Identity as WireIdentity,
} from "@millrace/protocol"

/** What a session may do once it is known who it is. */
export interface Identity {
  /** `host:<id>` or `terminal:<number>`. */
  readonly name: string
  /** It may speak for every terminal; saves the check of each record. */
  readonly anyTerminal: boolean
  readonly mayActFor: (terminal: number) => boolean
  readonly permissions: ReadonlyArray<string>
}

export interface Proved {
  readonly identity: Identity
  readonly proof: Uint8Array
  /** What PINs of this session come under. */
  readonly pinKey: Uint8Array
}

interface Entry {
  readonly keyVersion: number
  readonly identity: Identity
}

const hmac = (key: Uint8Array, transcript: Uint8Array): Uint8Array =>
  createHmac("sha256", key).update(transcript).digest()

const TERMINAL_MAX = 0xffff_ffff

export class Identities {
  readonly #scheme: () => Scheme
  readonly #schemeKey: Uint8Array

  /** @param schemeKey 32 bytes of the key ring that every logon key is derived from */
  constructor(scheme: () => Scheme, schemeKey: Uint8Array) {
    this.#scheme = scheme
    this.#schemeKey = schemeKey
  }

  /** The logon key, 32 bytes: HMAC-SHA-256(scheme key, "logon" ‖ 0 ‖ identity ‖ 0 ‖ u32 key version). */
  keyOf(identity: WireIdentity, keyVersion: number): Uint8Array {
    return hmac(this.#schemeKey, logonKeyTranscript(identity, keyVersion))
  }

  /**
   * Checks a client's proof. Returns who it is, the server's own proof and the session's PIN key, or undefined: unknown, inactive or a
   * wrong key, which the caller must not tell apart.
   */
  prove(
    wire: WireIdentity,
    serverNonce: Uint8Array,
    clientNonce: Uint8Array,
    proof: Uint8Array,
  ): Proved | undefined {
    const entry = this.#find(wire)
    // Derived for who does not exist too: a refusal takes the same work, whatever was wrong.
    const key = this.keyOf(wire, entry?.keyVersion ?? 0)
    const expected = hmac(key, clientTranscript(wire, serverNonce, clientNonce))
    const equal = proof.length === expected.length && timingSafeEqual(proof, expected)
    if (entry === undefined || !equal) return undefined
    return {
      identity: entry.identity,
      proof: hmac(key, serverTranscript(wire, serverNonce, clientNonce)),
      pinKey: hmac(key, pinKeyTranscript(serverNonce, clientNonce)),
    }
  }

  #find(wire: WireIdentity): Entry | undefined {
    return "host" in wire ? this.#findHost(wire.host) : this.#findTerminal(wire.terminal)
  }

  #findHost(id: string): Entry | undefined {
    const host = this.#scheme().host(id)
    if (host === undefined) return undefined
    const ranges = host.permissions.includes("transact") ? host.terminals : []
    return {
      keyVersion: host.keyVersion,
      identity: {
        name: identityText({ host: id }),
        anyTerminal: ranges.some(([from, to]) => from <= 1 && to >= TERMINAL_MAX),
        mayActFor: (terminal) => ranges.some(([from, to]) => terminal >= from && terminal <= to),
        permissions: host.permissions,
      },
    }
  }

  #findTerminal(number: number): Entry | undefined {
    const terminal = this.#scheme().terminal(number)
    if (terminal === undefined || !terminal.active) return undefined
    return {
      keyVersion: terminal.keyVersion,
      identity: {
        name: identityText({ terminal: number }),
        anyTerminal: false,
        mayActFor: (other) => other === number,
        permissions: ["transact"],
      },
    }
  }
}
