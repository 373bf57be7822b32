import { cpSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, expect, it, vi } from "vitest"
import { runHere } from "../here.ts"
import { cleanUp, Running, run, temporaryDirectory } from "../program.ts"

/** Written by an earlier program, with a memory of 256 transactions. */
const formats = fileURLToPath(new URL("../../../../test/data/formats/1", import.meta.url))

afterAll(cleanUp)
afterEach(() => vi.unstubAllEnvs())

const serve = (data: string) => runHere(["serve", "--data", data, "--tcp", "0", "--http", "0"])

it("a directory whose memory is too small for any engine is refused with what can be done with it, and that works", async () => {
  vi.stubEnv("MILLRACE_MASTER_KEY_FILE", join(formats, "master.key"))
  const data = join(temporaryDirectory(), "data")
  cpSync(join(formats, "closed"), data, { recursive: true })
  expect(await serve(data)).toMatchObject({
    code: 1,
    stderr:
      `millrace: ${data} was made with 256 remembered transactions for life, too few for 2 mailboxes of any size: ` +
      "it can't be served. `millrace journal verify`, `journal dump` and `backup` read it\n",
  })
  vi.stubEnv("MILLRACE_ENGINE_MAILBOX_RECORDS_MAX", "64")
  expect((await serve(data)).stderr).toMatch(/mailboxes of any size/)
  for (const args of [
    ["journal", "verify", data],
    ["journal", "dump", data],
    ["backup", "--data", data, "--to", `${data}-backup`],
    ["backup", "verify", `${data}-backup`],
  ]) {
    expect((await runHere(args)).code).toBe(0)
  }
  const restored = await runHere(["restore", "--from", `${data}-backup`, "--to", `${data}-restored`])
  expect([restored.code, restored.stdout]).toEqual([
    0,
    expect.stringMatching(/^to read {4}its memory is too/m),
  ])
  expect(restored.stdout).not.toMatch(/^ready/m)
})

it("one that was made with smaller mailboxes is told the size that goes, and starts with it", async () => {
  const data = join(temporaryDirectory(), "data")
  const ports = ["--data", data, "--tcp", "0", "--http", "0"]
  const small = { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "8192", MILLRACE_ENGINE_SHARDS: "2" }
  vi.stubEnv("MILLRACE_ENGINE_MAILBOX_RECORDS_MAX", "64")
  const first = await startAndStop(ports, small)
  expect(first).toBe(0)
  vi.unstubAllEnvs()
  const refused = await run(["serve", ...ports])
  expect(refused).toMatchObject({ code: 1, stdout: "" })
  expect(refused.stderr).toMatch(
    /was made with 8192 remembered transactions for life, too few for 2 mailboxes of 16384: set engine\.mailboxRecordsMax to 512$/m,
  )
  expect(await startAndStop(ports, { MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: "512" })).toBe(0)
})

const startAndStop = async (
  ports: ReadonlyArray<string>,
  env: { readonly [name: string]: string },
): Promise<number | null> => {
  const running = new Running(["serve", ...ports], env)
  await running.until(/^ready/m)
  return (await running.signal("SIGTERM")).code
}
