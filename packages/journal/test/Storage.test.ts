import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, describe, it } from "vitest"
import { MemoryDisk, Storage, StorageFailed } from "../src/index.ts"
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
