// Does it work at all: every kind of transaction, cut lines, everything asked twice. Seconds.
import execution from "k6/execution"
import { summaryTrendStats, thresholds } from "./options.ts"
import { everyKind } from "./sessions.ts"
import { settings } from "./settings.ts"

export { handleSummary } from "./options.ts"

const TERMINALS = 5
const SESSIONS_EACH = 4

export const options = {
  scenarios: {
    smoke: { executor: "per-vu-iterations", vus: TERMINALS, iterations: SESSIONS_EACH, maxDuration: "5m" },
  },
  thresholds,
  summaryTrendStats,
}

export default (): void => everyKind(settings.cardFirst + execution.vu.idInTest - 1)
