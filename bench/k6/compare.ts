// Whether k6 and the engine counted the same: every request answered once, every repeat from memory, every cent where it belongs.
import { Schema } from "effect"
import type { EngineCounts } from "./Engine.ts"

/** The part of k6's summary that is read here. */
export const Summary = Schema.fromJsonString(
  Schema.Struct({
    metrics: Schema.Record(
      Schema.String,
      Schema.Struct({ values: Schema.Record(Schema.String, Schema.NullOr(Schema.Finite)) }),
    ),
    state: Schema.Struct({ testRunDurationMs: Schema.Finite }),
  }),
)
export type Summary = typeof Summary.Type

export const valueOf = ({ metrics }: Summary, metric: string, stat: string): number =>
  metrics[metric]?.values[stat] ?? 0

const countOf = (summary: Summary, metric: string): number => valueOf(summary, metric, "count")

/** Those that came with an amount: what they change on the cards, all together. A reversal's is its original's, back. */
const effect: Readonly<Record<string, number>> = {
  purchase: -1,
  completion: -1,
  recharge: 1,
  refund: 1,
  reversal: 1,
}

export interface Difference {
  readonly what: string
  readonly k6: string
  readonly engine: string
}

/** What differs; nothing when both agree. Nobody else may have used the engine meanwhile. */
export const differences = (
  summary: Summary,
  before: EngineCounts,
  after: EngineCounts,
): ReadonlyArray<Difference> => {
  const found: Array<Difference> = []
  const compare = (
    what: string,
    k6: number | bigint,
    engine: number | bigint,
    equal = k6 === engine,
  ): void => {
    if (!equal) found.push({ what, k6: String(k6), engine: String(engine) })
  }
  for (const [code, count] of after.answers) {
    compare(
      `answers ${code}`,
      countOf(summary, `millrace_answers_${code}`),
      count - (before.answers.get(code) ?? 0),
    )
  }
  // One whose line was lost again was given again unheard; and no more can be given again than were sent again.
  const duplicates = after.duplicates - before.duplicates
  const heard = countOf(summary, "millrace_duplicates")
  const sent = countOf(summary, "millrace_repeats")
  compare("first answers given again", heard, duplicates, heard <= duplicates && duplicates <= sent)
  const moved = Object.entries(effect).reduce(
    (sum, [kind, sign]) => sum + sign * countOf(summary, `millrace_amount_${kind}`),
    0,
  )
  compare("minor units on all cards", BigInt(moved), after.purses - before.purses)
  return found
}
