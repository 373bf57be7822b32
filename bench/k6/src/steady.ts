// A day like any other: sessions begin at one rate, whatever the answers do.
import { summaryTrendStats, terminalsFor, thresholds } from "./options.ts"
import { dayMix, session } from "./sessions.ts"
import { settings } from "./settings.ts"

export { handleSummary } from "./options.ts"

export const options = {
  scenarios: {
    steady: {
      executor: "constant-arrival-rate",
      rate: settings.rate,
      timeUnit: "1s",
      duration: `${settings.seconds}s`,
      ...terminalsFor(settings.rate),
    },
  },
  thresholds,
  summaryTrendStats,
}

export default (): void => session(dayMix)
