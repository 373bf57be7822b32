import { type ChildProcess, spawn } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Layer } from "effect"
import fc from "fast-check"
import { afterAll, assert, describe, it } from "vitest"
import {
  type DirectoryOptions,
  DirectoryRefused,
  JournalDamaged,
  KeyRing,
  openDirectory,
  Storage,
  VersionUnsupported,
} from "../src/index.ts"

const parent = mkdtempSync(join(tmpdir(), "millrace-directory-"))
afterAll(() => rmSync(parent, { recursive: true }))

let made = 0
const fresh = () => join(parent, `data-${made++}`)

const open = (root: string, options?: DirectoryOptions) =>
  Effect.scoped(openDirectory(options)).pipe(Effect.provide(Storage.file(root)))
const manifestOf = (root: string, options?: DirectoryOptions) => Effect.runPromise(open(root, options))
const refusalOf = async (root: string, options?: DirectoryOptions) => {
  const error = await Effect.runPromise(Effect.flip(open(root, options)))
  assert.instanceOf(error, DirectoryRefused)
  return error
}

describe("a data directory", () => {
  it("is made on first use, for its owner only, and keeps what it was made with", async () => {
    const root = join(fresh(), "deep", "down")
    const first = await manifestOf(root, { make: { shards: 4 } })
    const second = await manifestOf(root, { make: { shards: 8 } })
    assert.include(first, { format: "millrace", version: 1, shards: 4 })
    assert.deepEqual(second, first)
    assert.equal(statSync(root).mode & 0o777, 0o700)
    assert.equal(statSync(join(root, "manifest.json")).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(root), ["manifest.json"])
  })

  it("has a master key that only its owner can read", async () => {
    const root = fresh()
    await manifestOf(root)
    await Effect.runPromise(Effect.provide(KeyRing, KeyRing.layer().pipe(Layer.provide(Storage.file(root)))))
    assert.equal(statSync(join(root, "master.key")).mode & 0o777, 0o600)
  })

  it("may hold what an operator puts there before the first start", async () => {
    const root = fresh()
    mkdirSync(join(root, "lost+found"), { recursive: true })
    writeFileSync(join(root, "master.key"), "00".repeat(32))
    assert.equal((await manifestOf(root)).format, "millrace")
  })

  it("of another version is refused with both versions and what to do", async () => {
    const root = fresh()
    mkdirSync(root)
    writeFileSync(
      join(root, "manifest.json"),
      JSON.stringify({ format: "millrace", version: 2, created: "", check: "" }),
    )
    const error = await Effect.runPromise(Effect.flip(open(root)))
    assert.instanceOf(error, VersionUnsupported)
    assert.match(
      error.message,
      /manifest.json has format version 2, this program reads version 1. Nothing was changed. Start a program that reads version 2/,
    )
  })

  it("whose manifest was changed is refused", async () => {
    const root = fresh()
    await manifestOf(root, { make: { shards: 4 } })
    const path = join(root, "manifest.json")
    writeFileSync(path, readFileSync(path, "utf8").replace('"shards": 4', '"shards": 5'))
    assert.instanceOf(await Effect.runPromise(Effect.flip(open(root))), JournalDamaged)
  })

  it("that holds somebody else's files is refused, and they are left", async () => {
    const root = fresh()
    mkdirSync(root)
    writeFileSync(join(root, "thesis.doc"), "")
    assert.match(
      (await refusalOf(root)).message,
      /files that aren't Millrace's: thesis.doc\. Use an empty directory/,
    )
    assert.deepEqual(readdirSync(root), ["thesis.doc"])
  })

  it("that lost its manifest is refused", async () => {
    const root = fresh()
    mkdirSync(join(root, "journal"), { recursive: true })
    assert.match((await refusalOf(root)).message, /it holds journal but no manifest.json/)
  })

  it("that is a file, or below a file, is refused", async () => {
    const root = fresh()
    writeFileSync(root, "")
    assert.match((await refusalOf(root)).message, /is a file/)
    assert.match((await refusalOf(join(root, "data"))).message, /is a file/)
  })

  it("that can't be written is refused", async () => {
    // The super-user is bound by no mode; /proc takes no directory from anybody.
    const isRoot = process.getuid?.() === 0
    const root = isRoot ? "/proc/millrace" : fresh()
    if (isRoot && !existsSync("/proc/self")) return
    if (!isRoot) {
      mkdirSync(root)
      chmodSync(root, 0o500)
    }
    assert.match((await refusalOf(root)).message, /can't be (made there|written)/)
  })

  it("is only looked at when that is asked for", async () => {
    const root = fresh()
    assert.match((await refusalOf(root, { readOnly: true })).message, /there is no manifest.json/)
    assert.isFalse(existsSync(root))
  })
})

describe("the lock", () => {
  const program = `
    import { Effect } from "effect"
    import { openDirectory, Storage } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).pathname)}
    await Effect.runPromise(Effect.scoped(Effect.andThen(openDirectory(), Effect.gen(function* () {
      process.stdout.write("open")
      yield* Effect.sleep("60 seconds")
    }))).pipe(Effect.provide(Storage.file(process.env.ROOT))))
  `
  const holder = (root: string) =>
    new Promise<ChildProcess>((resolve, reject) => {
      const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
        cwd: new URL("..", import.meta.url).pathname,
        env: { ...process.env, ROOT: root },
        stdio: ["ignore", "pipe", "inherit"],
      })
      child.stdout!.once("data", () => resolve(child))
      child.once("error", reject)
      child.once("exit", () => reject(new Error("it ended before it had the lock")))
    })

  it("of a living process is refused by its number; of a killed one it is taken over", async () => {
    const root = fresh()
    const child = await holder(root)
    const error = await refusalOf(root)
    assert.match(
      error.message,
      new RegExp(`process ${child.pid} is using it. Stop process ${child.pid} first`),
    )
    const ended = new Promise((resolve) => child.once("close", resolve))
    child.kill("SIGKILL")
    await ended
    assert.isTrue(existsSync(join(root, "lock")), "it had no chance to clean up")
    assert.equal((await manifestOf(root)).format, "millrace")
    assert.deepEqual(readdirSync(root), ["manifest.json"])
  })

  it("is held once within a process too", async () => {
    const root = fresh()
    const exit = await Effect.runPromise(
      Effect.scoped(Effect.andThen(openDirectory(), Effect.exit(open(root)))).pipe(
        Effect.provide(Storage.file(root)),
      ),
    )
    assert.isTrue(Exit.isFailure(exit))
    assert.equal((await manifestOf(root)).format, "millrace")
  })

  it("of a process whose number another has now, and one that never reached the disk, are taken over", async () => {
    for (const text of [
      JSON.stringify({ pid: process.pid, started: "1", boot: "" }),
      JSON.stringify({ pid: 2 ** 22 + 1, started: "", boot: "" }),
      "",
      "\0".repeat(90),
    ]) {
      const root = fresh()
      mkdirSync(root)
      writeFileSync(join(root, "lock"), text)
      if (text.includes('"1"') && !existsSync("/proc/self/stat")) continue
      assert.equal((await manifestOf(root)).format, "millrace")
    }
  })

  it("that was changed is refused with what to do, in any byte, while its holder lives", async () => {
    const root = fresh()
    const change = Effect.gen(function* () {
      yield* openDirectory()
      const file = join(root, "lock")
      const text = readFileSync(file)
      for (let bit = 0; bit < text.length * 8; bit++) {
        const changed = Buffer.from(text)
        changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7))
        writeFileSync(file, changed)
        const exit = yield* Effect.exit(open(root))
        assert.isTrue(Exit.isFailure(exit), `bit ${bit} let a second process in`)
        assert.match(String(exit), /is refused: (process|its file lock was changed)/)
      }
      writeFileSync(file, text)
    })
    await Effect.runPromise(Effect.scoped(change).pipe(Effect.provide(Storage.file(root))))
  })

  it("that can't be read is refused: its holder may live", async () => {
    const root = fresh()
    await manifestOf(root)
    // Nobody may read this as a file, the super-user neither.
    mkdirSync(join(root, "lock"))
    assert.match((await refusalOf(root)).message, /its file lock can't be read/)
  })

  it("of any bytes lets nobody in unasked, and ends in words", () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom("lock", "lock.takeover"), fc.uint8Array(), async (name, bytes) => {
        const root = fresh()
        mkdirSync(root)
        writeFileSync(join(root, name), bytes)
        const exit = await Effect.runPromiseExit(open(root))
        if (Exit.isSuccess(exit)) return
        assert.match(String(exit), /See that no process is, then remove the file lock/)
      }),
      { numRuns: 60 },
    ))

  it("is left to the process that is taking it over just now", async () => {
    const root = fresh()
    mkdirSync(root)
    writeFileSync(join(root, "lock"), "")
    const guard = { pid: process.ppid, started: "", boot: "" }
    writeFileSync(join(root, "lock.takeover"), JSON.stringify(guard))
    assert.match((await refusalOf(root)).message, /just taking it over/)
  })

  it("is taken at once when who was taking it over was killed meanwhile", async () => {
    const root = fresh()
    mkdirSync(root)
    const dead = JSON.stringify({ pid: 2 ** 22 + 1, started: "1", boot: "gone" })
    writeFileSync(join(root, "lock"), dead)
    writeFileSync(join(root, "lock.takeover"), dead)
    await manifestOf(root)
    assert.deepStrictEqual(
      readdirSync(root).filter((name) => name.startsWith("lock.")),
      [],
    )
  })
})
