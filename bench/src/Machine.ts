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

/** Milliseconds of a write into a file of zeros and its fdatasync, one after the other. */
export const rawSyncMs = (bytes: number, count = SYNCS): ReadonlyArray<number> => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-sync-"))
  const path = join(folder, "raw")
  try {
    writeFileSync(path, Buffer.alloc(FILE_BYTES), { flush: true })
    const fd = openSync(path, "r+")
    const block = Buffer.alloc(bytes, 0xa5)
    const took = Array.from({ length: count }, (_, i) => {
      const began = performance.now()
      writeSync(fd, block, 0, bytes, (i * bytes) % (FILE_BYTES - bytes))
      fdatasyncSync(fd)
      return performance.now() - began
    })
    closeSync(fd)
    return took
  } finally {
    rmSync(folder, { recursive: true, force: true })
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
