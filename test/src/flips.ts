// `npm run flips`: one bit flipped at a time, anywhere in a data directory. Exit code 1 when one goes unseen and changes anything.
import { parseArgs } from "node:util"
import { tryMany } from "./flips/Campaign.ts"
import { writeDirectory } from "./flips/Directory.ts"
import { Random } from "./Random.ts"

const usage =
  "npm run flips -- [--positions 10000] [--megabytes 100] [--seed N] [--starts 20] [--end closed|killed]"
const { values } = parseArgs({
  options: {
    positions: { type: "string", default: "10000" },
    megabytes: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    starts: { type: "string", default: "20" },
    end: { type: "string", default: "closed" },
    help: { type: "boolean", default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const numbers = [values.positions, values.megabytes, values.seed, values.starts].map(Number)
const [positions = 0, megabytes = 0, seed = 0, starts = 0] = numbers
const isEnd = values.end === "closed" || values.end === "killed"
if (
  !isEnd ||
  !numbers.every((value) => Number.isSafeInteger(value) && value >= 0) ||
  positions * megabytes === 0
) {
  console.error(usage)
  process.exit(2)
}

const seconds = (from: number): string => ((performance.now() - from) / 1_000).toFixed(1)
const random = new Random(seed)
const made = performance.now()
const written = await writeDirectory(megabytes * 1_000_000, random, values.end === "closed")
console.log(
  `seed ${seed}: ${values.end}, ${written.bytes.toLocaleString("en")} bytes in ${written.disk.files().size} files, ` +
    `${written.last.toLocaleString("en")} slots, made in ${seconds(made)} s`,
)
const began = performance.now()
const {
  regions,
  totals,
  wrong,
  starts: started,
} = await tryMany(written, random, {
  positions,
  starts,
  told: (done) => {
    if (done % 1_000 === 0) console.error(`${done} of ${positions}, ${seconds(began)} s`)
  },
})
const line = (name: string, counts: typeof totals): string =>
  name.padEnd(22) +
  [counts.start, counts.verify, counts.harmless, counts.wrong]
    .map((count) => String(count).padStart(12))
    .join("")
console.log(
  `${"".padEnd(22)}${["at the start", "by verify", "harmless", "wrong"].map((title) => title.padStart(12)).join("")}`,
)
for (const [name, counts] of [...regions].sort(([a], [b]) => a.localeCompare(b)))
  console.log(line(name, counts))
console.log(line("all", totals))
console.log(
  `${started.refused + started.right + started.wrong} of them with a whole start of the engine: ` +
    `${started.refused} refused, ${started.right} with the right state, ${started.wrong} with another`,
)
console.log(`${positions} positions in ${seconds(began)} s`)
for (const { path, at, bit } of wrong) console.error(`wrong: ${path} byte ${at} bit ${bit}, seed ${seed}`)
if (wrong.length + started.wrong > 0) process.exitCode = 1
