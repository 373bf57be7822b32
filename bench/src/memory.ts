/**
 * What a random read costs over a table larger than the caches, by whether the next address depends on the value read
 * and by whether the kernel gave huge pages. Cards and remembered transactions are such tables.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const tableBytes = 512 * 2 ** 20
const lineWords = 16
const reads = 4_000_000

const next = (x: number): number => (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0

const measure = (): { independentNs: number; dependentNs: number } => {
  const table = new Uint32Array(tableBytes / 4)
  for (let i = 0; i < table.length; i += 1_024) table[i] = 1
  const mask = table.length / lineWords - 1
  let state = 1
  let sum = 0
  let began = performance.now()
  for (let i = 0; i < reads; i++) {
    state = next(state)
    sum += table[((state >>> 5) & mask) * lineWords]
  }
  const independentNs = ((performance.now() - began) * 1e6) / reads
  began = performance.now()
  for (let i = 0; i < reads; i++) {
    state = next(state + table[((state >>> 5) & mask) * lineWords])
    sum += state
  }
  const dependentNs = ((performance.now() - began) * 1e6) / reads
  if (sum === 0) throw new Error("nothing was read")
  return { independentNs, dependentNs }
}

if (process.argv[2] === "measure") {
  console.log(JSON.stringify(measure()))
} else {
  console.log("| pages | independent read | dependent read |\n|---|---|---|")
  for (const [name, tunables] of [
    ["as they come", ""],
    ["huge, when asked for", "glibc.malloc.hugetlb=1"],
  ] as const) {
    const rounds = [1, 2, 3, 4, 5].map(() => {
      const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "measure"], {
        encoding: "utf8",
        env: { ...process.env, GLIBC_TUNABLES: tunables },
      })
      // The line that this very file printed.
      return JSON.parse(child.stdout) as ReturnType<typeof measure>
    })
    const median = (pick: (round: ReturnType<typeof measure>) => number) =>
      rounds
        .map(pick)
        .sort((a, b) => a - b)[2]
        .toFixed(0)
    console.log(`| ${name} | ${median((r) => r.independentNs)} ns | ${median((r) => r.dependentNs)} ns |`)
  }
}
