// The answer to a request: its type and what it gives back as it came.
import type { Dialect } from "./Dialect.ts"
import { answerMti, baseMti, type FieldValue, type Message } from "./Message.ts"

/** Given back when the dialect doesn't know the request: what its sender finds it by. */
const ECHO_UNKNOWN = [3, 7, 11, 41, 42]

/** The answer without what only the answerer knows; `fields` are set over what is given back, undefined ones left out. */
export const answerTo = (
  request: Message,
  dialect: Dialect,
  fields: { readonly [field: number]: FieldValue | undefined },
): Message => {
  const echo = dialect.requests.get(baseMti(request.mti))?.echo ?? ECHO_UNKNOWN
  const answer = new Map<number, FieldValue>()
  for (const field of echo) {
    const value = request.fields.get(field)
    if (value !== undefined) answer.set(field, value)
  }
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined) answer.set(Number(field), value)
  }
  return { mti: answerMti(request.mti), fields: answer }
}
