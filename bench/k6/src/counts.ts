// What is counted, under names that the summary and the comparison with the engine's own counters go by.
import { type KindName, kindNames, ResponseCode, responseDigits } from "@millrace/protocol"
import { Counter, Rate, Trend } from "k6/metrics"

/** From the first sending to the answer, repeats on other lines included. */
export const latency = new Trend("millrace_latency", true)
/** From the first byte to a line that may be used. */
export const logon = new Trend("millrace_logon", true)
/** Of all transactions, those without an answer, or with a wrong one. */
export const errors = new Rate("millrace_errors")
/** No answer within the terminal's patience. */
export const unanswered = new Counter("millrace_unanswered")
/** Answers that can't be right: another's, another than at first, another balance than there must be. */
export const wrong = new Counter("millrace_wrong")
/** Sendings of what had been sent before. */
export const repeats = new Counter("millrace_repeats")
/** First answers that were given again. */
export const duplicates = new Counter("millrace_duplicates")
/** Lines that this side cut before the answer, to have something to repeat. */
export const cuts = new Counter("millrace_cuts")
/** Lines that ended by themselves, or never came about. */
export const linesLost = new Counter("millrace_lines_lost")

const answersByCode = new Map(
  Object.values(ResponseCode).map((code) => [
    code as number,
    new Counter(`millrace_answers_${responseDigits(code)}`),
  ]),
)
const approvedByKind = new Map(kindNames.map((kind) => [kind, new Counter(`millrace_approved_${kind}`)]))
const amountByKind = new Map(kindNames.map((kind) => [kind, new Counter(`millrace_amount_${kind}`)]))

/** Counts a request's answer, once. */
export const countAnswer = (kind: KindName, response: number, amount: number): void => {
  answersByCode.get(response)?.add(1)
  if (response !== ResponseCode.approved) return
  approvedByKind.get(kind)?.add(1)
  amountByKind.get(kind)?.add(amount)
}
