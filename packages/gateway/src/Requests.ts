/** What a session may ask for besides batches: single transactions, provisioning and questions. */
import type { Engine } from "@millrace/engine"
import type { Command } from "@millrace/ledger"
import {
  decodeOutcome,
  encodeRecord,
  Kind,
  type MessageMap,
  OutcomeFlag,
  RECORD_BYTES,
  RecordFlag,
} from "@millrace/protocol"
import {
  decodeRequest,
  type Permission,
  type Request,
  type RequestOf,
  type RequestType,
} from "@millrace/protocol/messages"
import { Effect, Result } from "effect"
import type { Identities, Identity } from "./Identities.ts"
import { type Asked, type Fault, faults, type Session } from "./Session.ts"

type Answer = Effect.Effect<MessageMap, Fault>

const permissionFor: { readonly [type in RequestType]: Permission | undefined } = {
  echo: undefined,
  transact: "transact",
  merchant: "provision",
  terminals: "provision",
  cards: "provision",
  host: "administer",
  card: "inspect",
  accounts: "inspect",
}

/** Makes the function that answers one message of an open session. Every failure has a code and a sentence. */
export const makeRequests = (engine: Engine["Service"], identities: Identities) => {
  const { ledger } = engine.lane

  const control = (command: Command) =>
    engine.control(command).pipe(
      Effect.mapError((restarting): Fault => ({ code: "busy", message: restarting.message })),
      Effect.filterOrFail(
        (result) => result.ok,
        (result): Fault => ({
          code: result.ok ? "defect" : result.code,
          message: result.ok ? "" : result.message,
        }),
      ),
    )

  const provision = (by: string, request: RequestOf<"merchant" | "terminals" | "cards">): Answer =>
    Effect.map(control({ ...request, by }), ({ created, existing }): MessageMap => {
      if (request.type === "merchant") return { type: "merchant.ok", created: created > 0 }
      const key = request.type === "terminals" && request.count === 1 ? terminalKey(request.first) : undefined
      return { type: `${request.type}.ok`, created, existing, key }
    })

  const host = (by: string, request: RequestOf<"host">): Answer =>
    Effect.map(control({ ...request, by }), () => ({ type: "host.ok", key: hostKey(request.id) }))

  const terminalKey = (terminal: number) =>
    identities.keyOf({ terminal }, ledger.scheme.terminal(terminal)?.keyVersion ?? 0)
  const hostKey = (id: string) => identities.keyOf({ host: id }, ledger.scheme.host(id)?.keyVersion ?? 0)

  /** What is read may not be durable yet: it is told when it is. */
  const whenDurable = (message: MessageMap): Answer => Effect.as(engine.durable, message)

  const card = (number: bigint): Answer =>
    Effect.suspend(() => {
      const found = ledger.card(number)
      if (found === undefined) return Effect.fail<Fault>({ code: "not-found", message: "no such card" })
      const { currency, balance } = found
      return whenDurable({ type: "card.ok", card: number, currency, balance })
    })

  const accounts: Answer = Effect.suspend(() => {
    const { accounts, sum } = ledger.totals()
    return whenDurable({ type: "accounts.ok", accounts, sum })
  })

  const answer = (session: Session, by: Identity, request: Request): Answer => {
    switch (request.type) {
      case "echo":
        return Effect.succeed({ type: "echo.ok", data: request.data })
      case "transact":
        return transact(session, request)
      case "merchant":
      case "terminals":
      case "cards":
        return provision(by.name, request)
      case "host":
        return host(by.name, request)
      case "card":
        return card(request.card)
      case "accounts":
        return accounts
    }
  }

  return (session: Session, by: Identity, message: MessageMap): Answer => {
    const decoded = decodeRequest(message)
    if (Result.isFailure(decoded)) return Effect.fail<Fault>(decoded.failure)
    const permission = permissionFor[decoded.success.type]
    if (permission !== undefined && !by.permissions.includes(permission)) {
      return Effect.fail<Fault>({
        code: "not-permitted",
        message: `${by.name} lacks the permission ${permission}`,
      })
    }
    return answer(session, by, decoded.success)
  }
}

/** A single transaction goes the same way as a batch of one; only its outcome comes back as a message. */
const transact = (session: Session, request: RequestOf<"transact">): Answer =>
  Effect.callback((resume) => {
    const view = new DataView(new ArrayBuffer(RECORD_BYTES))
    const flags = request.repeat === true ? RecordFlag.repeat : 0
    encodeRecord({ ...request, kind: Kind[request.kind], flags }, view, 0)
    const { terminal, reference } = request
    const asked: Asked = {
      answer: (outcome, at) => resume(Effect.succeed(outcomeMessage(outcome, at))),
      abandon: () => resume(Effect.fail(faults.gone)),
    }
    if (!session.ask(terminal, reference, asked)) {
      resume(
        Effect.fail<Fault>({ code: "busy", message: "this reference is being decided: wait for its answer" }),
      )
    } else if (session.units(view, 0, 1) === 0) {
      session.forget(terminal, reference)
      resume(Effect.fail(faults.busy))
    }
  })

const outcomeMessage = (view: DataView, at: number): MessageMap => {
  const { reference, available, transaction, terminal, response, flags } = decodeOutcome(view, at)
  const duplicate = (flags & OutcomeFlag.duplicate) !== 0
  return { type: "transact.ok", reference, available, transaction, terminal, response, duplicate }
}
