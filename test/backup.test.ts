// A server that is backed up while it works and lets go of what it has snapshots of, and what comes back out of the backup.
import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { RawConnection } from "./src/RawConnection.ts"
import { credentialIn, endAll, Server, temporaryDirectory } from "./src/Server.ts"

const program = fileURLToPath(new URL("../packages/cli/bin/millrace", import.meta.url))

/** A small memory and many snapshots: segments are let go of while they are copied. */
const settings = {
  MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: 2 ** 15,
  MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: 512,
  MILLRACE_ENGINE_TURN_RECORDS_MAX: 128,
  MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: 30_000,
  MILLRACE_JOURNAL_SEGMENT_BYTES: 2 ** 24,
}

const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
  endAll()
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const start = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } })
  children.add(child)
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => {
      children.delete(child)
      resolve({ code, stdout, stderr })
    })
  })
  return { child, ended }
}

const millrace = (args: ReadonlyArray<string>, env?: NodeJS.ProcessEnv) => start(args, env).ended

/** Every line of JSON that a command ends with. */
const json = async (args: ReadonlyArray<string>, env?: NodeJS.ProcessEnv) => {
  const { code, stdout, stderr } = await millrace([...args, "--json"], env)
  expect(code, stderr).toBe(0)
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}

const segmentsOf = (data: string): ReadonlyArray<string> => readdirSync(join(data, "journal"))
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** What every account holds, as its server says: the credential is that of the directory that was made first. */
const accountsOf = async (server: Server, data: string): Promise<unknown> => {
  const connection = await RawConnection.logOn(server.port, credentialIn(data))
  const { accounts } = await connection.ask({ type: "accounts" })
  connection.destroy()
  return accounts
}

describe("a backup of a server at work", () => {
  it("is whole each time, goes on where it was, and comes back at three points as the server was there", async () => {
    const data = join(temporaryDirectory(), "data")
    const backup = join(temporaryDirectory(), "backup")
    const server = await Server.start({ data, settings })
    const load = start([
      "load",
      ...["--url", `tcp://127.0.0.1:${server.port}`, "--data", data, "--duration", "3600"],
      ...["--cards", "500", "--connections", "2", "--in-flight", "1", "--batch", "64"],
    ])
    await until(() => readdirSync(join(data, "snapshots")).length >= 1)
    const [first] = await json(["backup", "--data", data, "--to", backup])
    // The engine lets go of its first segment, which the backup keeps.
    await until(() => segmentsOf(data)[0] !== segmentsOf(backup)[0])
    const [second] = await json(["backup", "--data", data, "--to", backup])
    expect(second.restorable.at(-1).last).toBeGreaterThan(first.restorable.at(-1).last)
    load.child.kill("SIGINT")
    expect((await load.ended).code).toBe(130)
    const accounts = await accountsOf(server, data)
    expect((await server.stopped()).code).toBe(0)
    const [third] = await json(["backup", "--data", data, "--to", backup])
    const [verified] = await json(["backup", "verify", backup], keyOf(data))
    expect(verified).toMatchObject({ sound: true, restorable: third.restorable })

    // Of the first, the directory itself has nothing any more; of the second it has the slots before.
    const positions = [first, second].map(({ restorable }) => restorable.at(-1).last)
    for (const position of positions) {
      const to = join(temporaryDirectory(), "restored")
      const at = ["--at", String(position)]
      const [restored] = await json(["restore", "--from", backup, "--to", to, ...at], keyOf(data))
      expect(restored).toMatchObject({ restoredTo: position, last: position })
      if (position === positions[0]) continue
      const range = ["--from", String(position - 500), "--to", String(position)]
      const [ours, theirs] = await Promise.all(
        [to, data].map((dir) => millrace(["journal", "dump", dir, "--json", ...range], keyOf(data))),
      )
      expect(ours).toEqual(theirs)
      expect(ours.stdout.split("\n").length).toBeGreaterThan(400)
    }

    const to = join(temporaryDirectory(), "restored")
    await json(["restore", "--from", backup, "--to", to], keyOf(data))
    const again = await Server.start({
      data: to,
      settings: { ...settings, MILLRACE_MASTER_KEY_FILE: join(data, "master.key") },
    })
    expect(await accountsOf(again, data)).toEqual(accounts)
    expect((await again.stopped()).code).toBe(0)
  }, 240_000)
})

const keyOf = (data: string) => ({ MILLRACE_MASTER_KEY_FILE: join(data, "master.key") })
