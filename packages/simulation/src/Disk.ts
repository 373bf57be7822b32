/** The server's disk: it takes its time, fails, lies, and knows what a power cut leaves. */
import { crc32 } from "node:zlib"
import {
  type DiskOperation,
  MemoryDisk,
  type OpenOptions,
  StorageFailed,
  type StorageFile,
  type StorageShape,
} from "@millrace/journal"
import { Effect } from "effect"
import type { Process } from "./Loop.ts"
import type { Random } from "./Random.ts"
import type { Trace } from "./Trace.ts"

const sectorBytes = 512
const pageBytes = 4096

/** What happens to one of the next operations that it fits. */
export type DiskFault = "write-error" | "sync-error" | "lost-write" | "lying-sync" | "misplaced"

interface Armed {
  readonly fault: DiskFault
  /** Operations that it still lets pass. */
  left: number
}

/** A write that its process waits for: of what is on its way at a crash any sectors may be there. */
interface Flight {
  readonly path: string
  readonly at: number
  readonly bytes: Uint8Array
  readonly file: StorageFile
}

type Outcome<A> = A | StorageFailed

export class SimulatedDisk {
  #disk = new MemoryDisk({ crashable: true })
  readonly #random: Random
  readonly #trace: Trace
  readonly #flights = new Set<Flight>()
  #armed: Array<Armed> = []
  /** No file grows. */
  full = false
  /** Up to so many ms an operation takes. */
  slowMs = 0
  /** What the disk said to have done and did not: what it cost may be lost without a trace, or refuse a start. */
  readonly lies: Array<string> = []
  /** What changed at rest: it must refuse a start, or do no harm. */
  readonly rotten: Array<string> = []
  /** The process ends at this operation, before or after it. */
  crashAt: { left: number; readonly before: boolean; readonly crash: () => void } | undefined
  operations = 0

  constructor(random: Random, trace: Trace) {
    this.#random = random
    this.#trace = trace
  }

  arm(fault: DiskFault, left: number): void {
    this.#armed.push({ fault, left })
  }

  /** From now on it does what it is told. */
  heal(): void {
    this.#armed = []
    this.full = false
    this.slowMs = 0
    this.crashAt = undefined
  }

  /** The server's process has ended: what is on its way is there in part. With the power gone so is what was not synced. */
  crash(power: boolean): void {
    const random = this.#random
    for (const { file, at, bytes } of this.#flights) {
      // Whole sectors, in any order.
      const from = Math.floor(at / sectorBytes)
      const to = Math.ceil((at + bytes.length) / sectorBytes)
      const share = random.pick([0, 0.5, 1])
      for (let sector = from; sector < to; sector++) {
        if (!random.chance(share)) continue
        const begin = Math.max(at, sector * sectorBytes)
        const end = Math.min(at + bytes.length, (sector + 1) * sectorBytes)
        Effect.runSync(file.write(begin, bytes.subarray(begin - at, end - at)))
      }
    }
    this.#flights.clear()
    this.crashAt = undefined
    const share = power ? random.pick([0, 0.3, 0.9]) : 1
    this.#disk = this.#disk.crash(() => random.chance(share))
  }

  /** Flips one to three bits of one file. */
  rot(): string | undefined {
    const files = [...this.#disk.files()].filter(([, bytes]) => bytes.length > 0)
    if (files.length === 0) return undefined
    const [path, bytes] = this.#random.pick(files)
    const copy = bytes.slice()
    // Where there is something: most of a segment is nothing yet.
    const used = Math.max(1, copy.findLastIndex((byte) => byte !== 0) + 1)
    const at = this.#random.int(used)
    copy[at] ^= 1 << this.#random.int(8)
    this.#disk.put(path, copy)
    const what = `rot of ${path} at ${at}`
    this.rotten.push(what)
    return what
  }

  /** The disk as one process sees it: when it has ended, none of its operations does anything. */
  storageFor(process: Process): StorageShape {
    const inner = this.#disk.storage
    const run = <A, E>(operation: DiskOperation, path: string, effect: Effect.Effect<A, E>) =>
      this.#quick(process, operation, path, effect)
    return {
      location: "simulated",
      open: (path, options) =>
        Effect.suspend((): Effect.Effect<StorageFile, StorageFailed> => {
          const isNew = options?.create === true && !this.#disk.files().has(path)
          if (isNew && this.full) return Effect.fail(failed("open", path, "ENOSPC"))
          return Effect.map(run("open", path, inner.open(path, options)), (file) =>
            this.#file(process, file, options),
          )
        }),
      list: (directory) => run("list", directory, inner.list(directory)),
      exists: (path) => run("list", path, inner.exists(path)),
      remove: (path) => run("remove", path, inner.remove(path)),
      rename: (from, to) => run("rename", from, inner.rename(from, to)),
      makeDirectory: (path) => run("open", path, inner.makeDirectory(path)),
      syncDirectory: (path) => run("syncDirectory", path, inner.syncDirectory(path)),
      // Of the process: its end lets go of it.
      lock: () => Effect.void,
    }
  }

  #file(process: Process, file: StorageFile, options: OpenOptions = {}): StorageFile {
    const { path } = file
    const readOnly = options.readOnly === true
    const write = (at: number, bytes: Uint8Array) => this.#write(file, at, bytes)
    const timed = <A>(operation: DiskOperation, effect: () => Outcome<A>, flight?: Flight) =>
      Effect.callback<A, StorageFailed>((resume) => {
        this.#timed(process, operation, path, effect, flight, (outcome) =>
          resume(outcome instanceof StorageFailed ? Effect.fail(outcome) : Effect.succeed(outcome)),
        )
      })
    return {
      path,
      size: file.size,
      read: (at, into) => this.#quick(process, "read", path, file.read(at, into)),
      write: (at, bytes) =>
        readOnly
          ? Effect.fail(failed("write", path, "EBADF"))
          : timed("write", () => write(at, bytes), { path, at, bytes, file }),
      sync: timed("sync", () => this.#sync(file)),
      truncate: (length) => timed("truncate", () => void Effect.runSync(file.truncate(length))),
      close: file.close,
      writeDurable: (at, bytes, done) => {
        const flight = { path, at, bytes, file }
        this.#timed(
          process,
          "write",
          path,
          () => write(at, bytes),
          flight,
          (written) => {
            if (written instanceof StorageFailed) return done(written)
            this.#timed(
              process,
              "sync",
              path,
              () => this.#sync(file),
              undefined,
              (synced) => done(synced instanceof StorageFailed ? synced : undefined),
            )
          },
        )
      },
    }
  }

  /** Takes no time. */
  #quick<A, E>(
    process: Process,
    operation: DiskOperation,
    path: string,
    effect: Effect.Effect<A, E>,
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      if (!process.alive) return Effect.never
      const before = this.#count(operation, path)
      if (before === "crash-before") return Effect.never
      if (before === undefined) return effect
      return Effect.andThen(
        effect,
        Effect.andThen(
          Effect.sync(() => this.#crashNow()),
          Effect.never,
        ),
      )
    })
  }

  #timed<A>(
    process: Process,
    operation: DiskOperation,
    path: string,
    effect: () => Outcome<A>,
    flight: Flight | undefined,
    done: (outcome: Outcome<A>) => void,
  ): void {
    if (!process.alive) return
    if (flight !== undefined) this.#flights.add(flight)
    const random = this.#random
    const ms =
      this.slowMs > 0 ? random.next() * this.slowMs : operation === "truncate" ? 0.02 : random.delay(0.3)
    process.after(ms, () => {
      const crash = this.#count(operation, path)
      if (crash === "crash-before") return
      if (flight !== undefined) this.#flights.delete(flight)
      const outcome = effect()
      if (crash === "crash-after") this.#crashNow()
      else done(outcome)
    })
  }

  #count(operation: DiskOperation, path: string): "crash-before" | "crash-after" | undefined {
    this.operations++
    const { crashAt } = this
    if (crashAt === undefined || crashAt.left-- > 0) return undefined
    this.#trace.add("disk", `the crash comes ${crashAt.before ? "before" : "after"} ${operation} of ${path}`)
    if (!crashAt.before) return "crash-after"
    this.#crashNow()
    return "crash-before"
  }

  #crashNow(): void {
    const crash = this.crashAt?.crash
    this.crashAt = undefined
    crash?.()
  }

  #write(file: StorageFile, at: number, bytes: Uint8Array): Outcome<void> {
    const { path } = file
    const grows = at + bytes.length > Effect.runSync(file.size)
    if (grows && this.full) return failed("write", path, "ENOSPC")
    const fault = this.#strikes(["write-error", "lost-write", "misplaced"])
    this.#trace.add("disk", `${fault ?? "write"} ${path} ${at} ${bytes.length} ${crc32(bytes)}`)
    switch (fault) {
      case "write-error": {
        const sectors = this.#random.int(Math.ceil(bytes.length / sectorBytes))
        Effect.runSync(file.write(at, bytes.subarray(0, sectors * sectorBytes)))
        return failed("write", path, "EIO")
      }
      case "lost-write":
        this.lies.push(`a write of ${path} at ${at} was lost`)
        return
      case "misplaced": {
        const pages = Math.max(1, Math.floor(Effect.runSync(file.size) / pageBytes))
        const to = this.#random.int(pages) * pageBytes
        if (to === at) break
        this.lies.push(`a write of ${path} at ${at} went to ${to}`)
        return void Effect.runSync(file.write(to, bytes))
      }
    }
    Effect.runSync(file.write(at, bytes))
  }

  #sync(file: StorageFile): Outcome<void> {
    const fault = this.#strikes(["sync-error", "lying-sync"])
    if (fault !== undefined) this.#trace.add("disk", `${fault} ${file.path}`)
    if (fault === "sync-error") {
      const share = this.#random.pick([0, 0.5, 1])
      this.#disk.failSync(file.path, () => this.#random.chance(share))
      return failed("sync", file.path, "EIO")
    }
    if (fault === "lying-sync") {
      this.lies.push(`a sync of ${file.path} did nothing`)
      return
    }
    Effect.runSync(file.sync)
  }

  /** The armed fault whose time has come. */
  #strikes(fitting: ReadonlyArray<DiskFault>): DiskFault | undefined {
    const armed = this.#armed.find(({ fault }) => fitting.includes(fault))
    if (armed === undefined || armed.left-- > 0) return undefined
    this.#armed = this.#armed.filter((other) => other !== armed)
    return armed.fault
  }
}

const failed = (operation: string, path: string, code: string): StorageFailed =>
  new StorageFailed({ operation, path, code, detail: "simulated" })
