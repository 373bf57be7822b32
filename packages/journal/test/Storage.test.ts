import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, describe, it } from "vitest"
import { MemoryDisk, Storage, StorageFailed } from "../src/index.ts"
import { pageAligned } from "../src/pageAligned.ts"
import { readWhole, writeWhole } from "../src/Storage.ts"

const root = mkdtempSync(join(tmpdir(), "millrace-storage-"))
afterAll(() => rmSync(root, { recursive: true }))

const bytes = (text: string) => Buffer.from(text)

describe.each([
  ["files", () => Storage.file(root)],
  ["memory", () => Storage.disk(new MemoryDisk())],
] as const)("storage in %s", (_, layer) => {
  it("does the same as the other", async () => {
    const seen = await Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* Storage
        const missing = yield* Effect.flip(storage.open("none"))
        yield* storage.makeDirectory("a/b")
        const file = yield* storage.open("a/b/f", { create: true })
        yield* file.write(3, bytes("hello"))
        yield* Effect.callback<void, StorageFailed>((resume) =>
          file.writeDurable(8, bytes(" there"), (error) => resume(error ? Effect.fail(error) : Effect.void)),
        )
        yield* file.sync
        const into = Buffer.alloc(20)
        const count = yield* file.read(0, into)
        yield* file.truncate(5)
        yield* file.write(7, bytes("x"))
        const size = yield* file.size
        yield* file.close
        const cut = Buffer.from(yield* readWhole(storage, "a/b/f")).toString("latin1")
        yield* writeWhole(storage, "a/b/g", bytes("one"))
        yield* writeWhole(storage, "a/b/g", bytes("2"))
        const full = yield* Effect.flip(storage.remove("a/b"))
        yield* storage.rename("a/b/f", "a/h")
        const lists = [yield* storage.list("a"), yield* storage.list("a/b"), yield* storage.list("nowhere")]
        yield* storage.remove("a/b/g")
        yield* storage.remove("a/b")
        const exists = [
          yield* storage.exists("a/b"),
          yield* storage.exists("a/h"),
          yield* storage.exists("a"),
        ]
        const gone = yield* Effect.flip(storage.remove("a/b/g"))
        return {
          missing,
          read: into.toString("latin1", 0, count),
          size,
          cut,
          full: full.code,
          lists,
          exists,
          gone: gone.code,
        }
      }).pipe(Effect.provide(layer())),
    )
    assert.instanceOf(seen.missing, StorageFailed)
    assert.include(seen.missing, { code: "ENOENT", path: "none", operation: "open" })
    assert.deepInclude(seen, {
      read: "\0\0\0hello there",
      size: 8,
      cut: "\0\0\0he\0\0x",
      full: "ENOTEMPTY",
      lists: [["b", "h"], ["g"], []],
      exists: [false, true, true],
      gone: "ENOENT",
    })
  })
})

describe("a durable write to a file", () => {
  const durably = (options: { readonly readOnly: boolean }, length: number) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* Storage
        const name = `durable-${options.readOnly}-${length}`
        const made = yield* storage.open(name, { create: true })
        yield* made.close
        const file = yield* storage.open(name, options)
        let returned = false
        const told = yield* Effect.callback<{ error: StorageFailed | undefined; fresh: boolean }>(
          (resume) => {
            file.writeDurable(512, Buffer.alloc(length, 7), (error) =>
              resume(Effect.succeed({ error, fresh: returned })),
            )
            returned = true
          },
        )
        yield* file.close
        const whole = yield* readWhole(storage, name)
        return { ...told, size: whole.length, last: whole.at(-1) }
      }).pipe(Effect.provide(Storage.file(root))),
    )

  it.each([100, 4_096, 8_192, 65_536, 65_537, 300_000])("of %i bytes is told on a fresh stack", async (n) => {
    assert.deepEqual(await durably({ readOnly: false }, n), {
      error: undefined,
      fresh: true,
      size: 512 + n,
      last: 7,
    })
  })

  it.each([4_096, 300_000])("of %i bytes that the system refuses is told so on a fresh stack", async (n) => {
    const { error, fresh, size } = await durably({ readOnly: true }, n)
    assert.instanceOf(error, StorageFailed)
    assert.include(error, { operation: "write", code: "EBADF" })
    assert.deepEqual({ fresh, size }, { fresh: true, size: 0 })
  })
})

describe("a file that is opened for large writes", () => {
  const pages = (count: number) => count * 4_096
  const unaligned = (length: number) => Buffer.from(new ArrayBuffer(length + 8), 8, length)
  /** Where, how much, and from which memory: pages of it, whatever lies there, none. */
  const writes = [
    [0, pages(64), pageAligned],
    [pages(64), pages(1), pageAligned],
    [pages(65), pages(40), pageAligned],
    [pages(20), pages(30), pageAligned],
    [pages(10) + 100, 300_001, pageAligned],
    // From here on the disk can't take what it is given as it is.
    [pages(120), pages(64), unaligned],
    [pages(130), pages(32), pageAligned],
    [5, pages(40), unaligned],
  ] as const

  it.each([false, true])("holds what was written, however it came (durable: %s)", async (durable) => {
    const expected = Buffer.alloc(pages(184))
    const whole = await Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* Storage
        const name = `large-${durable}`
        const file = yield* storage.open(name, { create: true, large: true })
        for (const [index, [at, length, memory]] of writes.entries()) {
          const content = memory(length)
          for (let i = 0; i < length; i++) content[i] = (i * 7 + index) >>> 3
          expected.set(content, at)
          if (durable) {
            yield* Effect.callback<void, StorageFailed>((resume) =>
              file.writeDurable(at, content, (error) => resume(error ? Effect.fail(error) : Effect.void)),
            )
          } else yield* file.write(at, content)
        }
        yield* file.sync
        yield* file.close
        return yield* readWhole(storage, name)
      }).pipe(Effect.provide(Storage.file(root))),
    )
    assert.isTrue(expected.equals(whole))
  })

  it.each([
    [0, pages(64), pageAligned],
    [pages(30), pages(40), pageAligned],
    // Past the end, which is no page's.
    [pages(60), pages(64), pageAligned],
    [pages(200), pages(64), pageAligned],
    [pages(3) + 100, pages(32), pageAligned],
    [0, 300_001, pageAligned],
    [0, pages(64), unaligned],
  ] as const)("is read as it is from %i, %i bytes", async (at, length, memory) => {
    const content = Buffer.from(Array.from({ length: pages(100) + 77 }, (_, i) => (i * 13) >>> 4))
    const into = memory(length)
    const seen = await Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* Storage
        yield* writeWhole(storage, "to-read", content)
        const file = yield* storage.open("to-read", { readOnly: true, large: true })
        const first = yield* file.read(at, into)
        const again = Buffer.alloc(100)
        const second = yield* file.read(7, again)
        yield* file.close
        return { first, second, again }
      }).pipe(Effect.provide(Storage.file(root))),
    )
    const expected = content.subarray(at, at + length)
    assert.equal(seen.first, expected.length)
    assert.isTrue(expected.equals(into.subarray(0, seen.first)))
    assert.isTrue(content.subarray(7, 107).equals(seen.again))
    assert.equal(seen.second, 100)
  })
})

describe("a crashed disk", () => {
  const crashed = (keep?: (path: string, sector: number) => boolean) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const disk = new MemoryDisk({ crashable: true })
        const { storage } = disk
        const file = yield* storage.open("f", { create: true })
        yield* file.write(0, Buffer.alloc(2048, 1))
        yield* file.sync
        yield* storage.syncDirectory("")
        yield* file.write(512, Buffer.alloc(1024, 2))
        yield* storage.open("unsynced", { create: true })
        const after = disk.crash(keep)
        return [...after.files()].map(([path, content]) => [
          path,
          [0, 512, 1024, 1536].map((at) => content[at]),
        ])
      }),
    )

  it("has what was synced, under names that were synced", async () => {
    assert.deepEqual(await crashed(), [["f", [1, 1, 1, 1]]])
  })

  it("has those unsynced sectors that were chosen", async () => {
    assert.deepEqual(await crashed((_, sector) => sector === 2), [["f", [1, 1, 2, 1]]])
  })
})
