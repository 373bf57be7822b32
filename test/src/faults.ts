// `npm run faults`: what machines do to the real process, and after each fault the proof that no money was lost.
import { parseArgs } from "node:util"
import { crowded, noDescriptors, noMemoryAtStart, outOfMemory } from "./faults/resources.ts"
import { held, killed, stopped, terminated } from "./faults/signals.ts"
import { fileSize, full, fullAtStart, powerLost, readOnly, readOnlyAtStart } from "./faults/storage.ts"
import { type Fault, Trial } from "./faults/Trial.ts"

const faults: ReadonlyArray<Fault> = [
  killed,
  terminated,
  stopped,
  held,
  full,
  fullAtStart,
  powerLost,
  readOnlyAtStart,
  readOnly,
  fileSize,
  noDescriptors,
  crowded,
  noMemoryAtStart,
  outOfMemory,
]

const usage = `npm run faults -- [--sample | --only NAME,NAME] [--seed N]

${faults.map(({ name, says }) => `  ${name.padEnd(18)} ${says}`).join("\n")}`

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    sample: { type: "boolean", default: false },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    help: { type: "boolean", default: false },
  },
})

if (values.help) {
  console.log(usage)
  process.exit(0)
}
const only = values.only?.split(",")
const unknown = only?.find((name) => !faults.some((fault) => fault.name === name))
const seed = Number(values.seed)
if (unknown !== undefined || !Number.isInteger(seed)) {
  console.error(`${unknown === undefined ? "--seed is a whole number" : `no fault ${unknown}`}\n${usage}`)
  process.exit(2)
}

/** `crowded` is the first part of `no-descriptors`. */
const chosen = (fault: Fault): boolean => {
  if (only !== undefined) return only.includes(fault.name)
  return values.sample ? fault.sample : fault !== crowded
}

console.log(`seed ${seed}`)
let violations = 0
for (const fault of faults) {
  if (!chosen(fault)) continue
  const missing = fault.lacks()
  if (missing !== undefined) {
    console.log(`${fault.name.padEnd(18)} SKIPPED: ${missing}`)
    continue
  }
  const trial = new Trial(seed)
  const began = performance.now()
  try {
    await fault.run(trial)
    const { answered, rechecked } = trial.witness.counts
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    console.log(
      `${fault.name.padEnd(18)} ok: ${answered} answered, ${rechecked} asked again, ${seconds} s. ${fault.says}`,
    )
  } catch (error) {
    violations++
    console.log(`${fault.name.padEnd(18)} VIOLATION: ${error instanceof Error ? error.message : error}`)
  } finally {
    await trial.end()
  }
}
console.log(`violations ${violations}`)
process.exit(violations === 0 ? 0 : 1)
