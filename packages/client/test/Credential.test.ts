import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { makeCredential, readCredential } from "../src/index.ts"

const hex = "00112233445566778899aabbccddeeff".repeat(2)

/** A file with this text in a directory of its own. */
const file = (text: string, mode = 0o600) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const directory = await mkdtemp(join(tmpdir(), "credential-"))
      const path = join(directory, "credentials.json")
      await writeFile(path, text)
      await chmod(path, mode)
      return { directory, path }
    }),
    ({ directory }) => Effect.promise(() => rm(directory, { recursive: true })),
  )

const complaint = (text: string) =>
  file(text).pipe(
    Effect.flatMap(({ path }) => readCredential(path)),
    Effect.flip,
    Effect.map((error) => error.message),
  )

const warnings = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(String(message))
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("readCredential", () => {
  it.live("reads a host's and a terminal's", () =>
    Effect.gen(function* () {
      const log = warnings()
      const host = yield* file(JSON.stringify({ host: "dev", key: hex, note: "for development" }))
      const first = yield* readCredential(host.path).pipe(Effect.provide(log.layer))
      assert.deepStrictEqual(first.identity, { host: "dev" })
      assert.strictEqual(Buffer.from(Redacted.value(first.key)).toString("hex"), hex)
      const terminal = yield* file(JSON.stringify({ terminal: 1001, key: hex.toUpperCase() }))
      const second = yield* readCredential(terminal.path).pipe(Effect.provide(log.layer))
      assert.deepStrictEqual(second.identity, { terminal: 1001 })
      assert.deepStrictEqual(log.lines, [])
    }),
  )

  it.live("says who writes the file when there is none", () =>
    Effect.gen(function* () {
      const error = yield* readCredential("/nowhere/credentials.json").pipe(Effect.flip)
      assert.strictEqual(error._tag, "CredentialError")
      assert.include(error.message, "/nowhere/credentials.json")
      assert.include(error.message, "millrace serve")
    }),
  )

  it.live("warns when others can read it, and reads it all the same", () =>
    Effect.gen(function* () {
      const log = warnings()
      const { path } = yield* file(JSON.stringify({ host: "dev", key: hex }), 0o644)
      yield* readCredential(path).pipe(Effect.provide(log.layer))
      assert.strictEqual(log.lines.length, 1)
      assert.include(log.lines[0], "0644")
    }),
  )

  it.live("names the field that is wrong, and never shows the key", () =>
    Effect.gen(function* () {
      assert.include(yield* complaint("not json"), "expected a JSON object")
      assert.include(yield* complaint("[]"), 'either "host" or "terminal"')
      assert.include(yield* complaint(JSON.stringify({ key: hex })), 'either "host" or "terminal"')
      assert.include(yield* complaint(JSON.stringify({ host: "a", terminal: 1, key: hex })), "either")
      assert.include(yield* complaint(JSON.stringify({ host: 5, key: hex })), "host: expected text")
      assert.include(yield* complaint(JSON.stringify({ host: "a b", key: hex })), "host id")
      assert.include(yield* complaint(JSON.stringify({ terminal: 0, key: hex })), "terminal 0")
      assert.include(yield* complaint(JSON.stringify({ host: "a" })), "key: expected hex")
      const short = yield* complaint(JSON.stringify({ host: "a", key: "00112233445566" }))
      assert.include(short, "key: expected 64 hexadecimal digits, got 14")
      assert.notInclude(short, "001122")
      const broken = yield* complaint(`{"host": "a", "key": "${hex}"`)
      assert.notInclude(broken, "001122")
    }),
  )
})

describe("makeCredential", () => {
  it("refuses keys of another size and does not show the key", () => {
    assert.throws(() => makeCredential({ host: "a" }, new Uint8Array(16)), /32 bytes/)
    assert.notInclude(JSON.stringify(makeCredential({ host: "a" }, hex)), "001122")
    assert.notInclude(String(makeCredential({ host: "a" }, hex).key), "001122")
  })
})
