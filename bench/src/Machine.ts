/** What the figures were measured on. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { cpus, release, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import type { MachineFacts } from "./Report.ts"

const SYNCS = 200
const FILE_BYTES = 16 * 2 ** 20

/** The value that `fraction` of all do not exceed. */
export const quantile = (values: ReadonlyArray<number>, fraction: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))]
}

/** Does `work` with a way to write so many bytes into a file of zeros and to sync them. */
const withSyncs = <A>(bytes: number, work: (sync: () => void) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-sync-"))
  const path = join(folder, "raw")
  try {
    writeFileSync(path, Buffer.alloc(FILE_BYTES), { flush: true })
    const fd = openSync(path, "r+")
    const block = Buffer.alloc(bytes, 0xa5)
    let at = 0
    const result = work(() => {
      writeSync(fd, block, 0, bytes, at)
      fdatasyncSync(fd)
      at = (at + bytes) % (FILE_BYTES - bytes)
    })
    closeSync(fd)
    return result
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds of a write into a file of zeros and its fdatasync, one after the other. */
export const rawSyncMs = (bytes: number, count = SYNCS): ReadonlyArray<number> =>
  withSyncs(bytes, (sync) =>
    Array.from({ length: count }, () => {
      const began = performance.now()
      sync()
      return performance.now() - began
    }),
  )

/**
 * What requests at `rate` a second would wait for on this machine if it did nothing but write and sync, over and over, for so
 * many seconds: each for the end of the first sync that begins after it. Milliseconds.
 */
export const openLoopSyncMs = (bytes: number, rate: number, seconds: number): ReadonlyArray<number> => {
  const began: Array<number> = []
  const ended: Array<number> = []
  withSyncs(bytes, (sync) => {
    const end = performance.now() + seconds * 1_000
    for (let now = performance.now(); now < end; now = performance.now()) {
      began.push(now)
      sync()
      ended.push(performance.now())
    }
  })
  const waits: Array<number> = []
  for (let at = 0, due = began[0]; ; due += 1_000 / rate) {
    while (at < began.length && began[at] < due) at++
    if (at === began.length) return waits
    waits.push(ended[at] - due)
  }
}

const ms = (value: number): number => Math.round(value * 1_000) / 1_000

export const machineFacts = (): MachineFacts => {
  const syncs = rawSyncMs(65_536)
  return {
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    // Without what whoever built it put behind the version.
    kernel: /^[\d.]+/.exec(release())?.[0] ?? release(),
    node: process.version,
    disk: { fdatasyncMs: { p50: ms(quantile(syncs, 0.5)), p99: ms(quantile(syncs, 0.99)) } },
  }
}
