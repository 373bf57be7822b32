import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Kind, makeReference, type TransactionRecord } from "@millrace/protocol"
import { Effect } from "effect"
import { makeCredential, PendingReversals } from "../src/index.ts"
import { credential } from "./connected.ts"
import { MemoryDisk } from "./MemoryDisk.ts"

const reversal = (n: number): TransactionRecord => ({
  reference: makeReference(1_760_000_000_000, n),
  card: 6_000_000_000_000_000_017n,
  amount: 0,
  original: 5n,
  counterparty: 0n,
  pinBlock: null,
  terminal: 1001,
  kind: Kind.reversal,
  flags: 0,
  currency: 978,
})

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-pending-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

const opened = (disk: MemoryDisk, by = credential) => PendingReversals.open("pending", by, async () => disk)
const note = (pending: PendingReversals, ...records: ReadonlyArray<TransactionRecord>) =>
  Effect.promise(() => Promise.all(records.map((record) => pending.note(record))))
const settle = (pending: PendingReversals, record: TransactionRecord) =>
  Effect.promise(() => pending.settle(record))
const refusal = (disk: MemoryDisk, by = credential) =>
  opened(disk, by).pipe(
    Effect.scoped,
    Effect.flip,
    Effect.map(({ message }) => message),
  )

describe("the file", () => {
  it.live("keeps what is open over its programs, for its owner alone, and tells no card number", () =>
    Effect.gen(function* () {
      const file = join(yield* directory, "pending")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pending = yield* PendingReversals.open(file, credential)
          yield* note(pending, reversal(1), reversal(2), reversal(3))
          yield* settle(pending, reversal(2))
        }),
      )
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const bytes = readFileSync(file)
      const number = Buffer.alloc(8)
      number.writeBigUInt64LE(reversal(1).card)
      assert.strictEqual(bytes.indexOf(number), -1)
      assert.strictEqual(bytes.indexOf(String(reversal(1).card)), -1)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pending = yield* PendingReversals.open(file, credential)
          assert.deepStrictEqual(pending.entries(), [reversal(1), reversal(3)])
          yield* settle(pending, reversal(1))
          yield* settle(pending, reversal(3))
        }),
      )
      // Nothing is left to remember.
      assert.isFalse(existsSync(file))
      assert.isFalse(existsSync(`${file}.lock`))
    }).pipe(Effect.scoped),
  )

  it.live("serves one client at a time, and a lock that a dead process left is taken over", () =>
    Effect.gen(function* () {
      const file = join(yield* directory, "pending")
      writeFileSync(`${file}.lock`, "999999999")
      yield* PendingReversals.open(file, credential)
      const second = yield* PendingReversals.open(file, credential).pipe(Effect.scoped, Effect.flip)
      assert.match(second.message, /another client/)
      const foreign = join(yield* directory, "foreign")
      writeFileSync(`${foreign}.lock`, "1")
      const third = yield* PendingReversals.open(foreign, credential).pipe(Effect.scoped, Effect.flip)
      assert.match(third.message, /process 1 uses it/)
      // The number is another process's by now: the one that took the lock began at another time, or before a restart.
      if (!existsSync("/proc/self/stat")) return
      const reused = join(yield* directory, "reused")
      writeFileSync(`${reused}.lock`, JSON.stringify({ pid: 1, started: "1", boot: "before" }))
      yield* PendingReversals.open(reused, credential)
      const held = JSON.parse(readFileSync(`${reused}.lock`, "utf8"))
      assert.strictEqual(held.pid, process.pid)
      assert.match(held.started, /^\d+$/)
    }).pipe(Effect.scoped),
  )

  it.live("of another credential, of another kind, or damaged is refused and left as it is", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* opened(disk).pipe(
        Effect.flatMap((pending) => note(pending, reversal(1), reversal(2))),
        Effect.scoped,
      )
      const bytes = disk.durable
      const other = makeCredential({ host: "dev" }, new Uint8Array(32).fill(9))
      assert.match(yield* refusal(new MemoryDisk(bytes), other), /under another credential/)
      const namesake = makeCredential(
        { host: "dev2" },
        Uint8Array.from({ length: 32 }, (_, i) => i),
      )
      assert.match(yield* refusal(new MemoryDisk(bytes), namesake), /under another credential/)
      const letter = new MemoryDisk(new TextEncoder().encode("Dear Sir, ".repeat(40)))
      assert.match(yield* refusal(letter), /not a file of pending reversals/)
      assert.strictEqual(letter.steps, 0)
      for (const at of [128, 200, 256 + 127]) {
        const damaged = Uint8Array.from(bytes)
        damaged[at] ^= 1
        const disk = new MemoryDisk(damaged)
        assert.match(yield* refusal(disk), new RegExp(`damaged at byte ${at < 256 ? 128 : 256}`))
        assert.strictEqual(disk.steps, 0)
      }
      // Two units in each other's place.
      const swapped = Uint8Array.from(bytes)
      swapped.set(bytes.subarray(128, 256), 256)
      swapped.set(bytes.subarray(256, 384), 128)
      assert.match(yield* refusal(new MemoryDisk(swapped)), /damaged at byte 128/)
    }),
  )

  it.live("cut short at any byte gives what was durable before, and goes on from there", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* opened(disk).pipe(
        Effect.flatMap((pending) => note(pending, reversal(1), reversal(2))),
        Effect.scoped,
      )
      for (let length = 0; length <= disk.durable.length; length += 16) {
        for (const zeros of [0, 40, 128]) {
          const cut = new Uint8Array(length + zeros)
          cut.set(disk.durable.subarray(0, length))
          // Zeros inside a unit that was written in part can't be told from damage; disks write whole sectors.
          if (zeros > 0 && length % 128 !== 0) continue
          const next = new MemoryDisk(cut)
          const entries = yield* opened(next).pipe(
            Effect.tap((pending) => note(pending, reversal(7))),
            Effect.map((pending) => pending.entries()),
            Effect.scoped,
          )
          const whole = Math.max(0, Math.floor(length / 128) - 1)
          assert.deepStrictEqual(entries, [reversal(1), reversal(2)].slice(0, whole).concat(reversal(7)))
          const again = yield* opened(new MemoryDisk(next.durable)).pipe(
            Effect.map((pending) => pending.entries()),
            Effect.scoped,
          )
          assert.deepStrictEqual(again, entries)
        }
      }
    }),
  )

  it.live("does not grow for ever", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const pending = yield* opened(disk)
      const many = Array.from({ length: 4_096 }, (_, n) => reversal(n))
      for (let round = 0; round < 3; round++) {
        yield* note(pending, ...many)
        yield* Effect.promise(() => Promise.all(many.map((record) => pending.settle(record))))
      }
      assert.isAtMost(disk.durable.length, 1_100_000)
      assert.deepStrictEqual(pending.entries(), [])
    }).pipe(Effect.scoped),
  )
})
