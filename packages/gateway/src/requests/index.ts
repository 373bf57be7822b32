/** What a session may ask for besides batches: single transactions, commands and questions. */
import type { Engine } from "@millrace/engine"
import type { KeyRingShape } from "@millrace/journal"
import type { MessageMap } from "@millrace/protocol"
import { decodeRequest, type Request } from "@millrace/protocol/messages"
import { Effect, Result } from "effect"
import { CheckValues } from "../CheckValues.ts"
import type { Identities, Identity } from "../Identities.ts"
import type { SessionPins } from "../Pins.ts"
import type { Fault, Session } from "../Session.ts"
import type { Answer } from "./answer.ts"
import { makeCommands } from "./commands.ts"
import { rotateDataKey } from "./dataKey.ts"
import { isoKeys } from "./isoKeys.ts"
import { objection } from "./permissions.ts"
import { makeQuestions } from "./questions.ts"
import { transact } from "./transact.ts"

/** Makes the function that answers one message of an open session. Every failure has a code and a sentence. */
export const makeRequests = (
  engine: Engine["Service"],
  identities: Identities,
  keyRing: KeyRingShape,
  nowMs: () => number,
  randomBytes: (count: number) => Uint8Array,
) => {
  const { schemeKey } = keyRing
  const checkValues = new CheckValues(schemeKey)
  const command = makeCommands({ engine, identities, checkValues, randomBytes })
  const question = makeQuestions({ engine, checkValues, nowMs })

  const answer = (session: Session, by: Identity, pins: SessionPins, request: Request): Answer => {
    switch (request.type) {
      case "echo":
        return Effect.succeed({ type: "echo.ok", data: request.data })
      case "transact":
        return transact(engine.lane.ledger.scheme, session, request)
      case "rotate-data-key":
        return rotateDataKey(keyRing)
      case "iso-keys":
        return isoKeys(engine.lane.ledger.scheme, schemeKey, request.id)
      case "check-card":
      case "card":
      case "history":
      case "query":
      case "receipt":
      case "totals":
      case "hotlist":
      case "terminal-info":
      case "merchant-info":
      case "product-info":
      case "accounts":
        return question(request)
      default:
        return command(by, pins, request)
    }
  }

  return (session: Session, by: Identity, pins: SessionPins, message: MessageMap): Answer => {
    const decoded = decodeRequest(message)
    if (Result.isFailure(decoded)) return Effect.fail<Fault>(decoded.failure)
    const not = objection(by, decoded.success)
    if (not !== undefined) return Effect.fail(not)
    return Effect.suspend(() => answer(session, by, pins, decoded.success))
  }
}
