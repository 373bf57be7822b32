/** Runs one benchmark in this process, as `main` starts it: NAME FILE ROUNDS QUICK. Its report goes into the file. */
import { writeFileSync } from "node:fs"
import { byName } from "./benchmarks.ts"
import { machineFacts } from "./Machine.ts"
import { type Report, SCHEMA } from "./Report.ts"

const [name, file, rounds, quick] = process.argv.slice(2)
const benchmark = await byName(name)
const context = { rounds: Number(rounds), quick: quick === "true" }
const machine = machineFacts()
const { figures, notes = [] } = await benchmark.run(context)
const report: Report = {
  schema: SCHEMA,
  bench: name,
  title: benchmark.title,
  measures: benchmark.measures,
  command: `npm run bench -- ${name}${context.quick ? " --quick" : ""} --rounds ${rounds}`,
  when: new Date().toISOString(),
  machine,
  rounds: context.rounds,
  figures,
  notes: context.quick ? [...notes, "quick: to see that it runs, not to be quoted"] : notes,
}
writeFileSync(file, JSON.stringify(report))
// What a benchmark opened beside its figures does not keep this process.
process.exit(0)
