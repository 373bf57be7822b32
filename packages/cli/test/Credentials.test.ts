import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, expect, it } from "vitest"
import { findCredential } from "../src/Credentials.ts"
import { cleanUp, run, serve, temporaryDirectory } from "./program.ts"

afterAll(cleanUp)

it("a directory that was restored has no credential: the error says where one is to be had, and that one is good", async () => {
  const home = temporaryDirectory()
  const [data, backup, to] = ["data", "backup", "restored"].map((name) => join(home, name))
  await (await serve(data)).running.signal("SIGTERM")
  expect((await run(["backup", "--data", data, "--to", backup, "--with-master-key"])).code).toBe(0)
  expect((await run(["restore", "--from", backup, "--to", to])).code).toBe(0)
  const server = await serve(to)
  const till = ["pos", "--url", server.url, "--data", to, "--yes", "--script", "/dev/null"]
  const none = await run(till)
  expect([none.code, none.stderr]).toEqual([
    1,
    `millrace: there is no credentials.json in ${to}: a first start writes it, no later one, and no backup has it. ` +
      "Copy it from the directory that was backed up, or give the credential of a host with --credentials FILE\n",
  ])
  cpSync(join(data, "credentials.json"), join(to, "credentials.json"))
  expect((await run(till)).code).toBe(0)
  await server.running.signal("SIGTERM")
})

it("a directory that was never served has none yet", async () => {
  const data = temporaryDirectory()
  const error = await Effect.runPromise(Effect.flip(findCredential({ credentials: undefined, data })))
  expect(error.message).toMatch(/^there is no credentials file at .*: `millrace serve` writes one/)
  rmSync(data, { recursive: true })
})
