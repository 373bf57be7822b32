// The log: one line each on stderr, time first, for people and for whatever collects stderr.
import { Cause, Logger } from "effect"
import { say } from "./Output.ts"

const text = (part: unknown): string => {
  if (Cause.isCause(part)) return Cause.pretty(part)
  if (part instanceof Error) return part.stack ?? part.message
  return typeof part === "string" ? part : JSON.stringify(part)
}

export const logger: Logger.Logger<unknown, void> = Logger.make(({ date, logLevel, message, cause }) => {
  const parts = (Array.isArray(message) ? message : [message]).map(text)
  if (cause.reasons.length > 0) parts.push(Cause.pretty(cause))
  say(`${date.toISOString()} ${logLevel.toLowerCase().padEnd(5)} ${parts.join(" ")}`)
})
