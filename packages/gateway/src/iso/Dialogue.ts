/** What a host may say, and what that means: logon, keys and MACs first, then the message. No transport, no engine. */
import {
  bytesOf,
  checkRequest,
  decode,
  type IsoProblem,
  isRequest,
  type Message,
  type OperationKind,
  operationOf,
} from "@millrace/iso8583"
import type { Scheme } from "@millrace/ledger"
import { Kind, type RecordInput, ResponseCode } from "@millrace/protocol"
import type { SessionKeys } from "./HostKeys.ts"
import type { IsoHost } from "./IsoHost.ts"
import { isRefusal, readTransaction } from "./Mapping.ts"
import type { Fields } from "./Settlement.ts"
import { Zone } from "./Zone.ts"

/** What a dialogue has of the gateway. */
export interface DialogueTools {
  readonly scheme: Scheme
  readonly schemeKey: Uint8Array
  readonly nowMs: () => number
  readonly nowSeconds: () => number
  readonly oldKeysSecondsMax: number
  /** Counts a request that was read. */
  readonly asked: (kind: OperationKind | "unknown") => void
}

/** A request as far as its answer needs it: without PIN block, track or chip data. */
export interface Request {
  readonly request: Message
  /** Those that its MAC was right under: its answer is under the same. */
  readonly keys: SessionKeys | undefined
}

/** Answered at once. With a reason it is a refusal, which is counted under it. */
export interface Answered extends Request {
  readonly _tag: "Answered"
  readonly response: number
  readonly fields: Fields
  readonly reason?: string
  /** Too many of them in a row end the connection. */
  readonly isBad: boolean
}

/** To be decided by the engine. */
export interface Asked extends Request {
  readonly _tag: "Asked"
  readonly record: RecordInput
  readonly pinBlock: Uint8Array | undefined
}

/** Nothing that could be answered. */
export interface Unanswerable {
  readonly _tag: "Unanswerable"
  readonly reason: string
}

export type Verdict = Answered | Asked | Unanswerable

type NetworkKind = Extract<OperationKind, "logon" | "logoff" | "keyChange" | "echo">

const isNetwork = (kind: OperationKind): kind is NetworkKind =>
  kind === "logon" || kind === "logoff" || kind === "keyChange" || kind === "echo"

const PIN_BLOCK = 52
/** Never given back, so not kept either. */
const notKept = [35, PIN_BLOCK, 55, 64, 128]

const kept = ({ mti, fields }: Message): Message => {
  const rest = new Map(fields)
  for (const field of notKept) rest.delete(field)
  return { mti, fields: rest }
}

export class Dialogue {
  readonly #tools: DialogueTools
  readonly #host: IsoHost
  readonly #zone: Zone
  /** After the logon, until the logoff. */
  #mayActFor: ((terminal: number) => boolean) | undefined
  #proven = false

  constructor(tools: DialogueTools, host: IsoHost) {
    this.#tools = tools
    this.#host = host
    this.#zone = new Zone(host)
  }

  /** The other end has logged on and, where MACs are asked for, made a right one: only who has the ZMK can. */
  get proven(): boolean {
    return this.#proven
  }

  /** @param bytes one message, without its framing */
  hear(bytes: Uint8Array): Verdict {
    const { dialect } = this.#host
    const decoded = decode(bytes, dialect)
    if (decoded._tag === "Failure") return this.#unread(decoded.failure)
    const message = decoded.success
    if (!isRequest(message.mti)) return { _tag: "Unanswerable", reason: "not-a-request" }
    const kind = operationOf(dialect, message)
    this.#tools.asked(kind ?? "unknown")
    const request = kept(message)
    const isOpen = this.#mayActFor !== undefined
    // A logon and an echo before it come from who has no keys yet.
    if (kind === "logon" || (kind === "echo" && !isOpen)) {
      return this.#act(message, kind, { request, keys: undefined })
    }
    const asked = { request, keys: this.#zone.keys }
    if (!isOpen) return refused(asked, ResponseCode.notPermittedToTerminal, "not-logged-on", true)
    const verdict = this.#zone.check(bytes, message, this.#tools.nowSeconds())
    if (verdict._tag === "Wrong") return refused(asked, ResponseCode.malfunction, "mac", true)
    this.#proven = true
    return this.#act(message, kind, { request, keys: verdict.keys })
  }

  /** Nothing is good any more. */
  end(): void {
    this.#mayActFor = undefined
    this.#zone.drop()
  }

  /** What makes the MAC of an answer. */
  maker(keys: SessionKeys | undefined) {
    return this.#zone.maker(keys)
  }

  /** What can't be read is answered where there is enough of it to be matched, and only to who has logged on. */
  #unread({ partial, code }: IsoProblem): Verdict {
    const canAnswer = partial !== undefined && isRequest(partial.mti) && partial.fields.has(11)
    if (this.#mayActFor === undefined || !canAnswer) return { _tag: "Unanswerable", reason: code }
    return refused({ request: kept(partial), keys: this.#zone.keys }, ResponseCode.format, code, true)
  }

  /** Whatever needs keys was checked. */
  #act(message: Message, kind: OperationKind | undefined, asked: Request): Verdict {
    // A PIN change needs two blocks, and ISO 8583 has a field for one.
    if (kind === undefined || kind === "pinChange") {
      return refused(asked, ResponseCode.invalidTransaction, "no-operation")
    }
    const lack = checkRequest(this.#host.dialect, message)
    if (lack !== undefined) return refused(asked, ResponseCode.format, lack.code)
    return isNetwork(kind) ? this.#network(kind, asked) : this.#transact(message, Kind[kind], asked)
  }

  #network(kind: NetworkKind, asked: Request): Verdict {
    const done: Answered = {
      ...asked,
      _tag: "Answered",
      response: ResponseCode.approved,
      fields: {},
      isBad: false,
    }
    if (kind === "logoff") this.end()
    if (kind === "echo" || kind === "logoff") return done
    const host = this.#host
    const { scheme, schemeKey, nowSeconds, oldKeysSecondsMax } = this.#tools
    const found = scheme.host(host.id)
    if (found === undefined || !found.permissions.includes("transact")) {
      return refused(asked, ResponseCode.doNotHonour, "logon", true)
    }
    if (kind === "logon") {
      this.#mayActFor = (terminal) => found.terminals.some(([from, to]) => terminal >= from && terminal <= to)
      this.#proven ||= host.mac === "none"
      if (host.keys === "request") return done
    }
    const text = this.#zone.renew(schemeKey, found.keyVersion, nowSeconds() + oldKeysSecondsMax)
    const field = host.dialect.uses.keys
    const fields = field === undefined ? {} : { [field]: text }
    // The answer to a logon is under the keys that it brings: who can read those knows that it is from here.
    return { ...done, fields, keys: kind === "logon" ? this.#zone.keys : asked.keys }
  }

  #transact(message: Message, kind: Kind, asked: Request): Verdict {
    const { scheme, nowMs } = this.#tools
    const currencyOf = (terminal: number) =>
      scheme.merchant(scheme.terminal(terminal)?.merchant ?? 0)?.currency ?? 0
    const read = readTransaction(message, kind, this.#host, { currencyOf, nowMs })
    if (isRefusal(read)) return refused(asked, read.response, read.reason)
    if (this.#mayActFor?.(read.record.terminal) !== true) {
      return refused(asked, ResponseCode.notPermittedToTerminal, "terminal")
    }
    return { ...asked, _tag: "Asked", record: read.record, pinBlock: bytesOf(message, PIN_BLOCK) }
  }
}

const refused = (asked: Request, response: number, reason: string, isBad = false): Answered => ({
  ...asked,
  _tag: "Answered",
  response,
  fields: {},
  reason,
  isBad,
})
