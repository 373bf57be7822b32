/** What a group commit costs, by block size, beside the bare write and fdatasync of as many bytes in the same run. */
import { close, fdatasync, mkdtempSync, open, readFileSync, rmSync, write, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { Journal, KeyRing, Storage } from "@millrace/journal"
import { Effect, Layer } from "effect"

const KIB = 1024
const MIB = 1024 * KIB
const payloads = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB]
const rounds = 3
const roundSeconds = 1

export interface Commits {
  readonly perSecond: number
  readonly mbPerSecond: number
  /** CPU time of the main thread per commit: what is taken from deciding. 0 where the system doesn't tell. */
  readonly mainMicros: number
  /** CPU time of the whole process, kernel included, per commit. */
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Row {
  readonly payloadBytes: number
  readonly journal: Commits
  readonly raw: Commits
  /** Commits a second, journal over raw. */
  readonly ratio: number
}

export interface Report {
  readonly rows: ReadonlyArray<Row>
  /** Reading back what was appended: MB/s of payload, decrypted and checked. */
  readonly readMbPerSecond: number
}

/** Nanoseconds that the main thread was on a CPU: Linux's schedstat. */
const mainThreadNanos = (): number => {
  try {
    return Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[0])
  } catch {
    return 0
  }
}

class Meter {
  readonly #payload: number
  readonly #latencies: Array<number> = []
  readonly #main = mainThreadNanos()
  readonly #cpu = process.cpuUsage()
  readonly #began = performance.now()

  constructor(payload: number) {
    this.#payload = payload
  }

  get running(): boolean {
    return performance.now() - this.#began < roundSeconds * 1000
  }

  add(milliseconds: number): void {
    this.#latencies.push(milliseconds)
  }

  result(): Commits {
    const seconds = (performance.now() - this.#began) / 1000
    const main = mainThreadNanos() - this.#main
    const cpu = process.cpuUsage(this.#cpu)
    const sorted = this.#latencies.sort((a, b) => a - b)
    const count = sorted.length
    return {
      perSecond: count / seconds,
      mbPerSecond: (count * this.#payload) / seconds / 1e6,
      mainMicros: main / 1000 / count,
      cpuMicros: (cpu.user + cpu.system) / count,
      p50Ms: sorted[Math.floor(count * 0.5)]!,
      p99Ms: sorted[Math.floor(count * 0.99)]!,
    }
  }
}

const median = (all: ReadonlyArray<Commits>): Commits =>
  [...all].sort((a, b) => a.perSecond - b.perSecond)[Math.floor(all.length / 2)]!

/** The bare limit: into a file of zeros, one write and one fdatasync each, waiting for both. */
const rawRound = (directory: string, payload: number): Promise<Commits> => {
  const bytes = Buffer.alloc(Math.ceil((payload + 81) / 4096) * 4096, 0xa5)
  const path = join(directory, "raw")
  writeFileSync(path, Buffer.alloc(64 * MIB), { flush: true })
  return new Promise((resolve, reject) => {
    open(path, "r+", (error, fd) => {
      if (error) return reject(error)
      const meter = new Meter(payload)
      let at = 0
      const next = () => {
        if (!meter.running) return close(fd, () => resolve(meter.result()))
        const began = performance.now()
        if (at + bytes.length > 64 * MIB) at = 0
        write(fd, bytes, 0, bytes.length, at, (error) => {
          if (error) return reject(error)
          fdatasync(fd, (error) => {
            if (error) return reject(error)
            meter.add(performance.now() - began)
            next()
          })
        })
        at += bytes.length
      }
      next()
    })
  })
}

const layersOf = (directory: string) =>
  Journal.layer().pipe(Layer.provide(KeyRing.layer()), Layer.provide(Storage.file(directory)))

const journalRound = (directory: string, payload: number): Promise<Commits> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const journal = yield* Journal
      const parts = [Buffer.alloc(payload, 7)]
      const append = () => journal.append({ first: journal.last + 1, count: payload / 64, time: 1, parts })
      // The first waits for the first segment's file.
      yield* append()
      const meter = new Meter(payload)
      while (meter.running) {
        const began = performance.now()
        yield* append()
        meter.add(performance.now() - began)
      }
      return meter.result()
    }).pipe(Effect.provide(layersOf(directory))),
  )

const readBack = (directory: string): Promise<number> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const journal = yield* Journal
      const began = performance.now()
      let bytes = 0
      const pull = yield* journal.read(journal.first)
      for (let block = yield* pull; block !== null; block = yield* pull) bytes += block.payload.length
      return bytes / 1000 / (performance.now() - began)
    }).pipe(Effect.provide(layersOf(directory))),
  )

/** Runs it in a directory of its own under `parent`, which should be on the disk that is asked about. */
export const run = async (parent: string = tmpdir()): Promise<Report> => {
  const directory = mkdtempSync(join(parent, "millrace-journal-bench-"))
  try {
    const rows: Array<Row> = []
    let readMbPerSecond = 0
    for (const payload of payloads) {
      const journals: Array<Commits> = []
      const raws: Array<Commits> = []
      for (let round = 0; round < rounds; round++) {
        const data = join(directory, `data-${payload}-${round}`)
        await Effect.runPromise(Effect.provide(makeRoot, Storage.file(data)))
        journals.push(await journalRound(data, payload))
        raws.push(await rawRound(directory, payload))
        if (payload === 64 * KIB) readMbPerSecond = Math.max(readMbPerSecond, await readBack(data))
        rmSync(data, { recursive: true })
      }
      const [journal, raw] = [median(journals), median(raws)]
      rows.push({ payloadBytes: payload, journal, raw, ratio: journal.perSecond / raw.perSecond })
    }
    return { rows, readMbPerSecond }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const makeRoot = Effect.flatMap(Storage, (storage) => storage.makeDirectory(""))

const show = ({ rows, readMbPerSecond }: Report): void => {
  const line = (...cells: ReadonlyArray<string | number>) =>
    console.log(cells.map((cell) => String(cell).padStart(11)).join(""))
  line(
    "payload",
    "commits/s",
    "MB/s",
    "p50 ms",
    "p99 ms",
    "main µs",
    "CPU µs",
    "raw/s",
    "raw CPU",
    "raw main",
    "ratio",
  )
  for (const { payloadBytes, journal, raw, ratio } of rows) {
    line(
      `${payloadBytes / KIB} KiB`,
      journal.perSecond.toFixed(0),
      journal.mbPerSecond.toFixed(0),
      journal.p50Ms.toFixed(3),
      journal.p99Ms.toFixed(3),
      journal.mainMicros.toFixed(1),
      journal.cpuMicros.toFixed(0),
      raw.perSecond.toFixed(0),
      raw.cpuMicros.toFixed(0),
      raw.mainMicros.toFixed(1),
      ratio.toFixed(2),
    )
  }
  console.log(`read back (64 KiB blocks, decrypted): ${readMbPerSecond.toFixed(0)} MB/s`)
}

if (import.meta.main) show(await run(process.argv[2]))
