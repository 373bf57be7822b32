// A spike: from one second to the next ten times as many, for a short while, and back; twice.
import { summaryTrendStats, terminalsFor, thresholds } from "./options.ts"
import { dayMix, session } from "./sessions.ts"
import { settings } from "./settings.ts"

export { handleSummary } from "./options.ts"

const { rate, seconds } = settings
const rest = { duration: `${Math.ceil(seconds / 3)}s`, target: rate }
const spike = [
  { duration: "1s", target: 10 * rate },
  { duration: `${Math.ceil(seconds / 6)}s`, target: 10 * rate },
  { duration: "1s", target: rate },
]

export const options = {
  scenarios: {
    spike: {
      executor: "ramping-arrival-rate",
      startRate: rate,
      timeUnit: "1s",
      stages: [rest, ...spike, rest, ...spike, rest],
      ...terminalsFor(10 * rate),
    },
  },
  thresholds,
  summaryTrendStats,
}

export default (): void => session(dayMix)
