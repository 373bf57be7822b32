/** Nanoseconds of a random read over a table larger than the caches, independent and dependent. */
const lineWords = 16
const reads = 4_000_000

const next = (x: number): number => (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0

export interface RandomReads {
  readonly independentNs: number
  readonly dependentNs: number
}

/** @param mebibytes of the table, a power of two */
export const randomReads = (mebibytes = 512): RandomReads => {
  const table = new Uint32Array(mebibytes * 2 ** 18)
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
