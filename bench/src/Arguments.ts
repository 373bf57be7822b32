/** The command line of `npm run bench`. */
import { parseArgs } from "node:util"
import { type BenchmarkName, benchmarks, isBenchmark } from "./benchmarks.ts"
import { targets } from "./Targets.ts"

export interface Arguments {
  readonly names: ReadonlyArray<BenchmarkName>
  readonly rounds: number
  readonly quick: boolean
  readonly json: string | undefined
  readonly save: string | undefined
  readonly compare: string | undefined
  /** Ends with the table of targets. */
  readonly targets: boolean
}

const ROUNDS = 5

export const usage = `npm run bench -- [NAME …] [--rounds N] [--quick] [--json FILE] [--save NAME] [--compare FILE]

Runs benchmarks one after the other, each in a process of its own, and prints a table for each. Every report goes into
bench/results/NAME.json, with its picture beside it. Without names all run.

${benchmarks.map(([name, what]) => `  ${name.padEnd(12)} ${what}`).join("\n")}
  ${"targets".padEnd(12)} what is needed for the table of targets, and the table

  --rounds N      rounds; by default ${ROUNDS}: least, median and most are shown
  --quick         short rounds over small tables: to see that it runs, not to be quoted
  --json FILE     all reports of this run in one file
  --save NAME     the same into bench/results/NAME.run.json, to compare with later
  --compare FILE  each figure beside that of a saved run (a file of --json or --save), with what is within noise

  npm run bench -- ledger --save before
  npm run bench -- ledger --compare bench/results/before.run.json`

const flags = {
  rounds: { type: "string", default: String(ROUNDS) },
  quick: { type: "boolean", default: false },
  json: { type: "string" },
  save: { type: "string" },
  compare: { type: "string" },
  help: { type: "boolean", default: false },
} as const

/** What is asked for; or a text that says what is wrong with it, or, asked for, how it is used. */
export const parseArguments = (
  args: ReadonlyArray<string>,
): Arguments | { readonly help: true } | { readonly wrong: string } => {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true })
    if (values.help) return { help: true }
    const rounds = Number(values.rounds)
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000)
      return { wrong: `--rounds must be a whole number from 1 to 1000, not ${values.rounds}` }
    if (values.save !== undefined && !/^[\w-]+$/.test(values.save))
      return { wrong: `--save takes a name of letters, digits and -, not ${values.save}` }
    const unknown = positionals.filter((name) => !isBenchmark(name) && name !== "targets")
    if (unknown.length > 0)
      return { wrong: `no benchmark is called ${unknown.join(", ")}: see npm run bench -- --help` }
    const { quick, json, save, compare } = values
    const wanted = new Set(positionals.filter(isBenchmark))
    const withTargets = positionals.includes("targets")
    if (withTargets) for (const { bench } of targets) wanted.add(bench)
    if (positionals.length === 0) for (const [name] of benchmarks) wanted.add(name)
    return { names: [...wanted], rounds, quick, json, save, compare, targets: withTargets }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}
