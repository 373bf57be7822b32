// `npm run fuzz:disk -- --inputs N --seed S`: changed files, opened. Exit code 1 with the seed at the first that is not as it must be.
import { parseArgs } from "node:util"
import { makeBases } from "./Bases.ts"
import { campaign } from "./Campaign.ts"

const usage = "npm run fuzz:disk -- [--inputs 100000] [--seed N] [--seconds 600]"
const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    seconds: { type: "string", default: "86400" },
    help: { type: "boolean", default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const [inputs, seed, seconds] = [values.inputs, values.seed, values.seconds].map(Number) as [
  number,
  number,
  number,
]
if (![inputs, seed, seconds].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error(usage)
  process.exit(2)
}
const began = performance.now()
const over = () => performance.now() - began > seconds * 1_000
const { tally, failure, tried } = await campaign(await makeBases(), seed, inputs, over)
const took = ((performance.now() - began) / 1_000).toFixed(1)
console.log(
  `${tried} inputs from seed ${seed} in ${took} s: ${tally.refused} refused, ${tally.whole} whole, ${tally.prefix} a correct prefix`,
)
if (failure !== undefined) {
  console.error(`seed ${failure.seed}: ${failure.said}\n  ${failure.reason}`)
  console.error(`again: npm run fuzz:disk -- --inputs 1 --seed ${failure.seed}`)
  process.exit(1)
}
