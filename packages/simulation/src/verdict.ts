/** At the end: what each client was told, beside what the journal says of it. */
import { REVERSAL_BIT } from "@millrace/client"
import { Kind, ResponseCode } from "@millrace/protocol"
import { Acquirer } from "./Acquirer.ts"
import type { Actor } from "./Actor.ts"
import type { Judge } from "./Judge.ts"
import { Office } from "./Office.ts"
import { keyOf } from "./reading.ts"
import type { Made } from "./requests.ts"
import { type Sale, Till } from "./Till.ts"
import { Violation } from "./Violation.ts"

/** With these nothing was done: the request may not be in the journal. */
const nothingDone: ReadonlySet<number> = new Set([
  ResponseCode.unavailable,
  ResponseCode.malfunction,
  ResponseCode.notPermittedToTerminal,
  ResponseCode.format,
])

export const checkClients = (judge: Judge, actors: ReadonlyArray<Actor>): void => {
  for (const actor of actors) {
    if (actor instanceof Till) {
      for (const sale of actor.sales) {
        checkContent(judge, sale)
        checkSale(judge, sale)
      }
    } else if (actor instanceof Acquirer) {
      for (const made of actor.made) {
        const { submission, response } = made
        checkContent(judge, made)
        const { terminal, reference } = submission
        checkAnswered(judge, terminal, reference, response)
      }
    } else if (actor instanceof Office) checkOffice(judge, actor)
  }
}

/** What was decided is what the client asked. A PIN is on its way a block, then a verifier: given or not given it stays. */
const checkContent = (judge: Judge, { submission }: Made): void => {
  const {
    terminal,
    reference,
    kind,
    card,
    amount,
    original = 0n,
    counterparty = 0n,
    pin,
    newPin,
  } = submission
  const at = judge.decidedAt(terminal, reference)
  const request = at === undefined ? undefined : judge.model?.memory.journal[at - 1].request
  if (request === undefined) return
  const other = newPin === undefined ? counterparty : request.counterparty
  const asked = [kind, card, amount, original, other, pin !== undefined]
  const decided = [
    request.kind,
    request.card,
    request.amount,
    request.original,
    request.counterparty,
    request.pin !== 0n,
  ]
  if (asked.join() !== decided.join()) {
    throw new Violation(`${keyOf(terminal, reference)} was decided at ${at}, and is not what was asked for`)
  }
}

const checkAnswered = (
  judge: Judge,
  terminal: number,
  reference: bigint,
  response: number | undefined,
): void => {
  const at = judge.decidedAt(terminal, reference)
  if (response === undefined) throw new Violation(`${keyOf(terminal, reference)} has no answer`)
  if (nothingDone.has(response) && at !== undefined) {
    throw new Violation(
      `${keyOf(terminal, reference)} was answered ${response}, nothing was done, and it stands at ${at}`,
    )
  }
  const isApproved = response === ResponseCode.approved || response === ResponseCode.partiallyApproved
  if (isApproved && at === undefined) {
    throw new Violation(`${keyOf(terminal, reference)} was approved, and is not in the journal`)
  }
}

/** Answered it stands; given up it was turned round, or never done; never sent it was never done. */
const checkSale = (judge: Judge, { submission, response, told }: Sale): void => {
  const { terminal, reference, kind } = submission
  const key = keyOf(terminal, reference)
  const at = judge.decidedAt(terminal, reference)
  if (told === "answered") {
    checkAnswered(judge, terminal, reference, response)
    return
  }
  if (told === "never-sent") {
    if (at !== undefined) throw new Violation(`${key} never left its terminal, and stands at ${at}`)
    return
  }
  if (at === undefined || !movesMoney.has(kind)) return
  const entry = judge.model?.memory.journal[at - 1]
  const moved = entry !== undefined && (entry.response === 0 || entry.response === 10)
  if (!moved || entry.mark !== "none") return
  const turnedAt = judge.decidedAt(terminal, reference | BigInt(REVERSAL_BIT))
  if (turnedAt === undefined) {
    // The answer came, was struck out of the file, and the terminal ended before its operator saw it.
    if (told === "ended" && judge.wasTold(terminal, reference) !== undefined) return
    throw new Violation(`${key} was given up, stands at ${at}, and nothing turned it round`)
  }
  // Refused with a reason that a person looks at.
  if (judge.model?.memory.journal[turnedAt - 1].response === ResponseCode.approved) {
    throw new Violation(`${key} was given up and its reversal approved, and it stands at ${at}`)
  }
}

const movesMoney: ReadonlySet<number> = new Set([
  Kind.purchase,
  Kind.refund,
  Kind.recharge,
  Kind.preauthorisation,
  Kind.completion,
  Kind.transfer,
])

const checkOffice = (judge: Judge, office: Office): void => {
  if (office.complaint !== undefined) throw new Violation(office.complaint)
  for (const { type, card, reference } of office.payments) {
    const isThere = judge.commands.some(
      (command) =>
        command.type === type &&
        "reference" in command &&
        command.reference === reference &&
        (command.type !== "fund" || command.card === card),
    )
    if (!isThere) throw new Violation(`${type} ${reference} was answered, and is not in the journal`)
  }
}
