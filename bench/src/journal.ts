/** What a group commit costs, by block size, beside the bare write and fdatasync of as many bytes in the same run. */
import { close, fdatasync, mkdtempSync, open, readFileSync, rmSync, write, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { Journal, KeyRing, Storage } from "@millrace/journal"
import { Effect, Layer } from "effect"
import { type Benchmark, Samplers } from "./Report.ts"

const KIB = 1024
const MIB = 1024 * KIB
const payloads = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB]

export interface Commits {
  readonly perSecond: number
  /** CPU time of the main thread per commit: what is taken from deciding. 0 where the system doesn't tell. */
  readonly mainMicros: number
  readonly p99Ms: number
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
  readonly #seconds: number
  readonly #latencies: Array<number> = []
  readonly #main = mainThreadNanos()
  readonly #began = performance.now()

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  get running(): boolean {
    return performance.now() - this.#began < this.#seconds * 1000
  }

  add(milliseconds: number): void {
    this.#latencies.push(milliseconds)
  }

  result(): Commits {
    const seconds = (performance.now() - this.#began) / 1000
    const main = mainThreadNanos() - this.#main
    const sorted = this.#latencies.sort((a, b) => a - b)
    const count = sorted.length
    return {
      perSecond: count / seconds,
      mainMicros: main / 1000 / count,
      p99Ms: sorted[Math.floor(count * 0.99)]!,
    }
  }
}

/** The bare limit: into a file of zeros, one write and one fdatasync each, waiting for both. */
const rawRound = (directory: string, payload: number, seconds: number): Promise<Commits> => {
  const bytes = Buffer.alloc(Math.ceil((payload + 81) / 4096) * 4096, 0xa5)
  const path = join(directory, "raw")
  writeFileSync(path, Buffer.alloc(64 * MIB), { flush: true })
  return new Promise((resolve, reject) => {
    open(path, "r+", (error, fd) => {
      if (error) return reject(error)
      const meter = new Meter(seconds)
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

const journalRound = (directory: string, payload: number, seconds: number): Promise<Commits> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const journal = yield* Journal
      const parts = [Buffer.alloc(payload, 7)]
      const append = () => journal.append({ first: journal.last + 1, count: payload / 64, time: 1, parts })
      // The first waits for the first segment's file.
      yield* append()
      const meter = new Meter(seconds)
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

const makeRoot = Effect.flatMap(Storage, (storage) => storage.makeDirectory(""))

const RAW = "a bare write and fdatasync of as many bytes"

const take = (samplers: Samplers, payload: number, journal: Commits, raw: Commits): void => {
  const name = `${payload / KIB} KiB`
  const id = `${payload / KIB}k`
  samplers.add(
    { id: `${id}-commits`, group: "commits a second", name, unit: "/s", better: "higher" },
    journal.perSecond,
  )
  samplers.limit(`${id}-commits`, RAW, raw.perSecond)
  samplers.add(
    { id: `${id}-p99`, group: "p99 of a commit", name, unit: "ms", better: "lower" },
    journal.p99Ms,
  )
  samplers.limit(`${id}-p99`, RAW, raw.p99Ms)
  samplers.add(
    {
      id: `${id}-main`,
      group: "the deciding thread's time for a commit",
      name,
      unit: "µs",
      better: "lower",
    },
    journal.mainMicros,
  )
  samplers.limit(`${id}-main`, RAW, raw.mainMicros)
}

export const benchmark: Benchmark = {
  title: "Journal commit",
  measures: "a group commit by block size: sealed with AES-256-GCM, written, fdatasync, one after the other",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const seconds = quick ? 0.2 : 1
    const directory = mkdtempSync(join(tmpdir(), "millrace-journal-bench-"))
    try {
      for (let round = 0; round < rounds; round++) {
        for (const payload of payloads) {
          const data = join(directory, `data-${payload}-${round}`)
          await Effect.runPromise(Effect.provide(makeRoot, Storage.file(data)))
          const journal = await journalRound(data, payload, seconds)
          take(samplers, payload, journal, await rawRound(directory, payload, seconds))
          if (payload === 64 * KIB) {
            samplers.add(
              {
                id: "read",
                group: "reading back",
                name: "64 KiB blocks, decrypted and checked",
                unit: "MB/s",
                better: "higher",
              },
              await readBack(data),
            )
          }
          rmSync(data, { recursive: true })
        }
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
    return { figures: samplers.figures }
  },
}
