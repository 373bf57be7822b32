// `npm run fuzz`: millions of inputs for everything that reads bytes from outside; ends at the first that is not stood.
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { isoTargets } from "./isoTargets.ts"
import { nativeTargets } from "./nativeTargets.ts"
import { Random } from "./Random.ts"

const usage = "npm run fuzz -- [--inputs 10000000] [--seed N] [--first INDEX]"
/** An input takes microseconds: one that takes this much of the processor has hung, or is a way to stop a server. */
const HANG_CPU_MS = 10_000
const LOOK_MS = 1_000
/** What the process may grow by after the first inputs: anything that is kept of an input shows in millions. */
const GROWTH_MIB_MAX = 256
const WARM_INPUTS = 200_000

interface Work {
  readonly inputs: number
  readonly seed: number
  readonly first: number
  /** The index of the input that is under way. */
  readonly progress: SharedArrayBuffer
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const rssMib = (): number => process.memoryUsage().rss / 2 ** 20

const fuzz = ({ inputs, seed, first, progress }: Work): void => {
  const index = new Float64Array(progress)
  const targets = [...isoTargets(), ...nativeTargets()]
  const good = targets.map(() => 0)
  const random = new Random()
  let warmMib = rssMib()
  for (let i = first; i < first + inputs; i++) {
    index[0] = i
    if (i === first + WARM_INPUTS) warmMib = rssMib()
    const which = i % targets.length
    random.begin(seed, i)
    try {
      if (targets[which].run(random)) good[which]++
    } catch (error) {
      throw new Error(`${targets[which].name}: input ${i} of seed ${seed} was not stood`, { cause: error })
    }
  }
  const each = Math.floor(inputs / targets.length)
  const lines = targets.map(({ name }, which) => `  ${name.padEnd(28)} ${each} inputs, ${good[which]} good`)
  const grown = rssMib() - warmMib
  parentPort?.postMessage(
    [...lines, `memory grew by ${Math.round(grown)} MiB after the first inputs`].join("\n"),
  )
  if (grown > GROWTH_MIB_MAX) throw new Error(`memory grew by ${Math.round(grown)} MiB`)
}

const watch = (): void => {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "10000000" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      first: { type: "string", default: "0" },
      help: { type: "boolean", default: false },
    },
  })
  const [inputs, seed, first] = [values.inputs, values.seed, values.first].map(Number)
  if (values.help || ![inputs, seed, first].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    console.log(usage)
    process.exit(values.help ? 0 : 2)
  }
  const progress = new SharedArrayBuffer(8)
  const index = new Float64Array(progress)
  const begun = Date.now()
  console.log(`${inputs} inputs, seed ${seed}`)
  const worker = new Worker(new URL(import.meta.url), { workerData: { inputs, seed, first, progress } })
  // Nothing is under way until the worker has made its samples.
  index[0] = -1
  let last = -1
  let since = cpuMs()
  // By the processor's time: on a busy machine a process that waits for its turn has not hung.
  const clock = setInterval(() => {
    if (index[0] !== last || last < 0) {
      last = index[0]
      since = cpuMs()
    } else if (cpuMs() - since > HANG_CPU_MS) {
      console.error(
        `input ${last} of seed ${seed} hangs: it has taken ${HANG_CPU_MS / 1_000} s of the processor`,
      )
      process.exit(1)
    }
  }, LOOK_MS)
  worker.on("message", (lines: string) => {
    console.log(`${lines}\n${inputs} inputs stood in ${Math.round((Date.now() - begun) / 1_000)} s`)
  })
  worker.on("error", (error: unknown) => {
    console.error(error)
    process.exit(1)
  })
  worker.on("exit", () => clearInterval(clock))
}

if (isMainThread) watch()
// The main thread above is the only one that starts this file with data, and it gives this.
else fuzz(workerData as Work)
