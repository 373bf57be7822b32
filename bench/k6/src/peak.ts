// The recharge peak: on the evening before a holiday ten times as many terminals come, nearly all to recharge.
import { summaryTrendStats, terminalsFor, thresholds } from "./options.ts"
import { holidayMix, session } from "./sessions.ts"
import { settings } from "./settings.ts"

export { handleSummary } from "./options.ts"

const { rate, seconds } = settings
const stage = (share: number, times: number) => ({
  duration: `${Math.ceil(seconds * share)}s`,
  target: rate * times,
})

export const options = {
  scenarios: {
    peak: {
      executor: "ramping-arrival-rate",
      startRate: rate,
      timeUnit: "1s",
      // The afternoon, the way up in three steps, the evening, the night.
      stages: [stage(0.2, 1), stage(0.3, 3), stage(0.3, 7), stage(0.3, 10), stage(1, 10), stage(0.4, 1)],
      ...terminalsFor(10 * rate),
    },
  },
  thresholds,
  summaryTrendStats,
}

export default (): void => session(holidayMix)
