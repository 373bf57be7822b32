// The ledger against its model: the same answers, the same state, and money conserved, after every command.
import { Kind, kindName, kindNames } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { expectAgreement } from "./compare.ts"
import { Run, type Told } from "./run.ts"
import type { Journaled } from "./scenario.ts"
import { type Step, stepsByWeight } from "./traffic.ts"

/** How many commands a run of the tests sends; a long run is a larger number. */
const COMMANDS = Number(process.env["MILLRACE_COMMANDS"] ?? 100_000)
const SEED = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 2 ** 31)
const COMMANDS_MAX = 250
/** Between two looks at how many commands there were. */
const RUNS = 50

const options = fc.record({
  shards: fc.constantFrom(1, 2, 4),
  transactions: fc.constantFrom(32, 64, 1024),
})

/** One step, as a command that fast-check puts in a row with others, and leaves out when it shrinks a failure. */
class StepCommand implements fc.Command<Run, Journaled> {
  readonly #step: Step
  readonly #onTold: (told: Told) => void

  constructor(step: Step, onTold: (told: Told) => void) {
    this.#step = step
    this.#onTold = onTold
  }

  check(): boolean {
    return true
  }

  /** The run has both the model and the ledger: what one is asked the other is, too. */
  run(run: Run): void {
    const told = run.step(this.#step)
    this.#onTold(told)
    if (JSON.stringify(told.actual, asText) !== JSON.stringify(told.expected, asText)) {
      expect(told.actual, this.toString()).toEqual(told.expected)
    }
    expectAgreement(run, told)
  }

  toString(): string {
    return JSON.stringify(this.#step)
  }
}

const asText = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value)

/** @param onTold hears of every command */
const agreement = (onTold: (told: Told) => void) => {
  const commands = stepsByWeight.flatMap(([weight, arbitrary]) =>
    new Array<fc.Arbitrary<fc.Command<Run, Journaled>>>(weight).fill(
      arbitrary.map((step) => new StepCommand(step, onTold)),
    ),
  )
  return fc.property(
    options,
    fc.commands(commands, { maxCommands: COMMANDS_MAX, size: "max" }),
    (options, commands) => {
      fc.modelRun(() => {
        const run = new Run(options)
        return { model: run, real: run.real }
      }, commands)
    },
  )
}

describe("a ledger and its model", () => {
  it("give the same answers and hold the same money, whatever comes", {
    timeout: 60_000 + COMMANDS * 2,
  }, () => {
    console.log(`seed ${SEED}: MILLRACE_SEED=${SEED} MILLRACE_COMMANDS=${COMMANDS} is this run again`)
    let commands = 0
    const property = agreement(() => commands++)
    for (let round = 0; commands < COMMANDS; round++)
      fc.assert(property, { numRuns: RUNS, seed: SEED + round })
  })

  it("do so for every kind and every rule", { timeout: 120_000 }, () => {
    // The traffic is only worth something if it meets every rule. The seed makes that count one of the generators.
    const seen = new Map<string, number>()
    const property = agreement(({ what, request, actual }) => {
      if (what !== "request" || request === undefined) return
      const { response } = actual as { readonly response: number } // of a request it is an outcome
      for (const key of [`code ${response}`, `${kindName(request.kind)} ${response}`]) {
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
    })
    fc.assert(property, { numRuns: 150, seed: 203 })
    for (const code of codes) expect(seen.get(`code ${code}`) ?? 0, `code ${code}`).toBeGreaterThan(10)
    for (const kind of kindNames) expect(seen.get(`${kind} 0`) ?? 0, `${kind}, approved`).toBeGreaterThan(10)
    expect(Kind.close).toBe(kindNames.length)
  })
})

/** Every code that the ledger itself answers; 91 is of a shard that is being rebuilt. */
const codes = [0, 5, 10, 12, 13, 14, 25, 30, 41, 43, 51, 54, 55, 57, 58, 61, 62, 65, 68, 75, 94, 95]
