// For every status a card that has it, with all that a kind is about done while the card was still good.
import { Kind, type KindName } from "@millrace/protocol"
import type { StatusName } from "../../src/model/statusTable.ts"
import type { Request } from "../scenario.ts"
import { BETWEEN, LATER, ORIGINAL, Stage } from "./stage.ts"

export interface StatusCase {
  readonly stage: Stage
  readonly request: Request
  /** The answer when the status lets the kind through. */
  readonly otherwise: number
}

/** A card that was never active has no transactions that anything could be about; a reversal then bars, and is approved. */
const fromTheStart = (kind: KindName, status: "issued" | "cancelled"): StatusCase => {
  const stage = new Stage({ isIssuedOnly: true })
  if (status === "cancelled") stage.lifecycle("cancel")
  const counterparty = kind === "transfer" ? stage.payee : kind === "pinChange" ? 555n : 0n
  const request = stage.request(Kind[kind], { reference: LATER, original: originalOf(kind), counterparty })
  return { stage, request, otherwise: kind === "reversal" ? 0 : 25 }
}

const aboutOriginals: ReadonlyArray<KindName> = ["refund", "reversal", "void", "completion", "cancellation"]
const originalOf = (kind: KindName): bigint => (aboutOriginals.includes(kind) ? ORIGINAL : 0n)

/** A hold keeps a card from being returned: there the original is a purchase, which the status never lets anyone see. */
const returned = (kind: KindName): StatusCase => {
  const stage = new Stage()
  const isHold = kind === "completion" || kind === "cancellation"
  const prepared = stage.prepare(isHold ? "refund" : kind)
  stage.lifecycle("return")
  return { stage, request: { ...prepared, kind: Kind[kind] }, otherwise: 0 }
}

/** By its first purchase. */
const closed = (kind: KindName): StatusCase => {
  const stage = new Stage({ product: { singleUse: "once" } })
  const request = stage.prepare(kind)
  const isClosed = stage.real.ledger.card(stage.card)?.status === "closed"
  if (!isClosed) stage.approved(stage.request(Kind.purchase, { reference: BETWEEN, amount: 1 }))
  return { stage, request, otherwise: 0 }
}

/** Only a refund still happens on the day of a void, so that is what is voided. */
const expired = (kind: KindName): StatusCase => {
  const stage = new Stage({ product: { validMonths: 1 } })
  const request = stage.prepare(kind)
  stage.days(90)
  if (kind !== "void") return { stage, request, otherwise: 0 }
  stage.approved(stage.request(Kind.refund, { reference: BETWEEN, original: ORIGINAL }))
  return { stage, request: { ...request, original: BETWEEN }, otherwise: 0 }
}

const steps = { locked: "lock", lost: "lost", stolen: "stolen", blacklisted: "blacklist" } as const

export const caseOfStatus = (kind: KindName, status: StatusName): StatusCase => {
  switch (status) {
    case "issued":
    case "cancelled":
      return fromTheStart(kind, status)
    case "returned":
      return returned(kind)
    case "closed":
      return closed(kind)
    case "expired":
      return expired(kind)
    default: {
      const stage = new Stage()
      const request = stage.prepare(kind)
      if (status !== "active") stage.lifecycle(steps[status])
      return { stage, request, otherwise: 0 }
    }
  }
}
