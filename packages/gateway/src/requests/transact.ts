/** A single transaction as a message: it goes the same way as a batch of one, and its outcome comes back as a message. */
import type { Scheme } from "@millrace/ledger"
import {
  decodeOutcome,
  encodeRecord,
  Kind,
  type MessageMap,
  OutcomeFlag,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  ResponseCode,
} from "@millrace/protocol"
import type { RequestOf } from "@millrace/protocol/messages"
import { Effect } from "effect"
import { type Asked, faults, type Session } from "../Session.ts"
import { type Answer, refuse } from "./answer.ts"

/** Answers that go to the terminal with its message for the operator. */
const toldToOperator: ReadonlySet<number> = new Set([
  ResponseCode.doNotHonour,
  ResponseCode.cardLost,
  ResponseCode.cardStolen,
  ResponseCode.pinTriesExceeded,
])

const flagNames = ["repeat", "partial", "code", "forced"] as const

const recordOf = (request: RequestOf<"transact">): DataView => {
  const bytes = new Uint8Array(RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  let flags = 0
  for (const name of flagNames) if (request[name] === true) flags |= RecordFlag[name]
  encodeRecord({ ...request, kind: Kind[request.kind], flags, pinBlock: request.pin ?? null }, view, 0)
  if (request.newPin !== undefined) bytes.set(request.newPin, RecordAt.original)
  return view
}

export const transact = (scheme: Scheme, session: Session, request: RequestOf<"transact">): Answer =>
  Effect.callback((resume) => {
    const view = recordOf(request)
    const { terminal, reference } = request
    const asked: Asked = {
      answer: (outcome, at) => resume(Effect.succeed(outcomeMessage(scheme, outcome, at))),
      abandon: () => resume(Effect.fail(faults.gone)),
    }
    if (!session.ask(terminal, reference, asked)) {
      resume(refuse("busy", "this reference is being decided: wait for its answer"))
    } else if (!session.submitOne(view)) {
      session.forget(terminal, reference)
      resume(Effect.fail(faults.busy))
    }
  })

const outcomeMessage = (scheme: Scheme, view: DataView, at: number): MessageMap => {
  const { reference, available, transaction, terminal, response, flags } = decodeOutcome(view, at)
  const duplicate = (flags & OutcomeFlag.duplicate) !== 0
  const isPart = response === ResponseCode.partiallyApproved
  return {
    type: "transact.ok",
    reference,
    available: isPart ? 0 : available,
    transaction,
    terminal,
    response,
    duplicate,
    approved: isPart ? available : undefined,
    message: toldToOperator.has(response) ? scheme.terminal(terminal)?.message : undefined,
  }
}
