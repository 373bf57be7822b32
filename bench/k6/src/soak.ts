// For hours: the steady load, to see what grows. Look at the engine's memory and descriptors.
import { summaryTrendStats, terminalsFor, thresholds } from "./options.ts"
import { dayMix, session } from "./sessions.ts"
import { settings } from "./settings.ts"

export { handleSummary } from "./options.ts"

/** `SECONDS` is what the other scenarios take for their longest part. */
const TIMES_AS_LONG = 60

export const options = {
  scenarios: {
    soak: {
      executor: "constant-arrival-rate",
      rate: settings.rate,
      timeUnit: "1s",
      duration: `${settings.seconds * TIMES_AS_LONG}s`,
      ...terminalsFor(settings.rate),
    },
  },
  thresholds,
  summaryTrendStats,
}

export default (): void => session(dayMix)
