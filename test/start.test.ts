// Starts that must not be, each refused in one line that says what and what to do, and starts that must.
import { createHash } from "node:crypto"
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { createServer } from "node:net"
import { dirname, join, relative } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RawConnection } from "./src/RawConnection.ts"
import { endAll, type ServeOptions, Server, temporaryDirectory } from "./src/Server.ts"
import { Till } from "./src/Till.ts"
import { sleep, within } from "./src/within.ts"

/** Blocks lie on pages; a disk writes sectors whole. */
const pageBytes = 4_096
const sectorBytes = 512
const settings = { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: 2 ** 20 }

afterAll(endAll)

/** A data directory after SIGKILL: nothing was tidied up, there is no snapshot. */
let killed: { readonly data: string; readonly till: Till; readonly inDoubtFrom: number }
/** One after a clean shutdown. */
let stopped: { readonly data: string; readonly till: Till }

beforeAll(async () => {
  const one = await Server.start({ data: temporaryDirectory(), settings })
  const till = await Till.open(one, 6, 64)
  const inDoubtFrom = endOf(lastSegment(one.data))
  killed = { data: one.data, till: await till.payInDoubt(one, 100), inDoubtFrom }
  await one.killed()
  const other = await Server.start({ data: temporaryDirectory(), settings })
  stopped = { data: other.data, till: await Till.open(other, 6, 64) }
  expect((await other.stopped()).code).toBe(0)
})

const segments = (data: string): ReadonlyArray<string> =>
  readdirSync(join(data, "journal"))
    .toSorted()
    .map((name) => join(data, "journal", name))

const blankPage = Buffer.alloc(pageBytes)

/** What was written: the bytes up to the last page that is not all zeros. Segments are prepared larger than that. */
const writtenOf = (file: string): Buffer => {
  const bytes = readFileSync(file)
  let end = bytes.length
  while (end >= pageBytes && bytes.subarray(end - pageBytes, end).equals(blankPage)) end -= pageBytes
  return bytes.subarray(0, end)
}

const endOf = (file: string): number => writtenOf(file).length

/** The last segment in which something was written. */
const lastSegment = (data: string): string =>
  segments(data)
    .filter((file) => endOf(file) > 0)
    .at(-1)!

const change = (file: string, edit: (descriptor: number) => void): void => {
  const descriptor = openSync(file, "r+")
  edit(descriptor)
  closeSync(descriptor)
}

const flip = (file: string, at: number): void =>
  change(file, (descriptor) => {
    const byte = Buffer.alloc(1)
    readSync(descriptor, byte, 0, 1, at)
    byte[0] ^= 0x10
    writeSync(descriptor, byte, 0, 1, at)
  })

/** The same files, of the same size and content; what was never written stays a hole. */
const copyOf = (data: string): string => {
  const copy = temporaryDirectory()
  for (const { file, name } of filesOf(data)) {
    mkdirSync(dirname(join(copy, name)), { recursive: true })
    writeFileSync(join(copy, name), writtenOf(file), { mode: statSync(file).mode })
    truncateSync(join(copy, name), statSync(file).size)
  }
  return copy
}

const filesOf = (data: string) =>
  readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ file, name: relative(data, file) }))

/** Name, size and content of every file, the lock apart: it may be taken and let go. */
const contentOf = (data: string): ReadonlyArray<string> => {
  if (!statSync(data).isDirectory()) return [readFileSync(data, "hex")]
  return filesOf(data)
    .filter(({ name }) => name !== "lock")
    .map(({ file, name }) => {
      const digest = createHash("sha256").update(writtenOf(file)).digest("hex")
      return `${name} ${statSync(file).size} ${digest}`
    })
    .toSorted()
}

/** Never resolves: a start that should be refused fails the test at once. */
const started = async (server: Server): Promise<never> => {
  await server.ready().catch(() => server.exited.then(() => new Promise(() => {})))
  throw new Error(`it started: ${server.stderr}`)
}

/** Starts, and expects that it does not: one line on stderr that has all of `words`, and no file changed. */
const expectRefused = async (
  options: ServeOptions,
  words: ReadonlyArray<string | RegExp>,
  state: "at rest" | "in use" = "at rest",
): Promise<void> => {
  const before = state === "at rest" && existsSync(options.data) ? contentOf(options.data) : undefined
  const server = Server.spawn(options)
  const { code, signal } = await within(
    "the refusal to start",
    Promise.race([server.exited, started(server)]),
  )
  expect([signal, server.stdout]).toEqual([null, ""])
  expect(code).toBeGreaterThan(0)
  const lines = server.stderr.trimEnd().split("\n")
  expect(lines, server.stderr).toHaveLength(1)
  for (const word of words) expect(lines[0]).toMatch(word)
  expect(lines[0]).not.toMatch(/\bat .*:\d+:\d+|Error:|undefined|\[object/)
  if (before !== undefined) expect(contentOf(options.data)).toEqual(before)
}

describe("a start is refused", () => {
  it("by a data directory of another version", async () => {
    const data = copyOf(stopped.data)
    const manifest = join(data, "manifest.json")
    const text = readFileSync(manifest, "utf8")
    expect(text).toMatch(/"version": ?1\b/)
    writeFileSync(manifest, text.replace(/"version": ?1\b/, '"version": 2'))
    await expectRefused({ data }, [/manifest\.json/, /version/, /2/, /1/])
  })

  it("by a port that another program has", async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve))
    const address = holder.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const server = Server.spawn({ data: copyOf(stopped.data), settings, tcp: port })
    const { code } = await within("the refusal to start", server.exited)
    expect(code).toBeGreaterThan(0)
    expect(server.stdout).toBe("")
    const complaints = server.stderr.split("\n").filter((line) => line.startsWith("millrace:"))
    expect(complaints, server.stderr).toHaveLength(1)
    expect(complaints[0]).toMatch(new RegExp(`port ${port}.*in use.*--tcp`))
    expect(server.stderr).not.toMatch(/\n\s+at |Error:/)
    await new Promise((resolve) => holder.close(resolve))
  })

  it.each([
    ["a file in its place", (place: string) => place],
    ["a place where none can be made", () => "/proc/millrace-data"],
  ])("by a directory that can't be written: %s", async (_, pathOf) => {
    const place = join(temporaryDirectory(), "place")
    writeFileSync(place, "not a directory")
    const data = pathOf(place)
    await expectRefused({ data }, [data.startsWith("/proc") ? "/proc" : "place", /director/i])
    expect(readFileSync(place, "utf8")).toBe("not a directory")
  })

  it("by a process that has the directory, and that goes on", async () => {
    const first = await Server.start({ data: copyOf(stopped.data), settings })
    await expectRefused({ data: first.data }, [String(first.pid), /[Ss]top|another/], "in use")
    expect(await stopped.till.differences(first)).toEqual([])
    await first.killed()
  })

  it("by a wrong master key, and a missing one", async () => {
    const { data } = stopped
    const wrong = { MILLRACE_MASTER_KEY: "ab".repeat(32) }
    await expectRefused({ data, settings: wrong }, [/key/i])
    const missing = copyOf(data)
    rmSync(join(missing, "master.key"))
    await expectRefused({ data: missing }, [/master\.key|MILLRACE_MASTER_KEY/])
  })

  it.each([
    ["after SIGKILL", () => killed.data, 4_096 + 200],
    ["in the segment's header", () => killed.data, 20],
  ])("by a journal with one bit changed in its first block: %s", async (_, source, at) => {
    const data = copyOf(source())
    flip(segments(data)[0], at)
    await expectRefused({ data, settings }, [/00000000000000000001\.seg/, /backup|restore|verify/i])
  })

  it("by a journal whose first segment is gone", async () => {
    const data = copyOf(killed.data)
    rmSync(segments(data)[0])
    await expectRefused({ data, settings }, [/backup|[Rr]estore/])
  })
})

describe("a start is not held up", () => {
  it("by what a start that was killed in the middle of taking over the lock has left", async () => {
    const data = copyOf(killed.data)
    // What SIGKILL leaves between the two steps of a takeover.
    copyFileSync(join(data, "lock"), join(data, "lock.takeover"))
    const server = await Server.start({ data, settings })
    expect(await killed.till.differences(server)).toEqual([])
    await server.killed()
  })
})

describe("a torn tail is cut, and every answered transaction is there", () => {
  const torn: ReadonlyArray<readonly [string, (file: string, from: number, end: number) => void]> = [
    // Not the last one alone: it may hold nothing but padding, and a block that is whole is never cut.
    ["all sectors but the first are zeros", (file, from, end) => zero(file, from + sectorBytes, end)],
    ["the first sector is zeros", (file, from) => zero(file, from, from + sectorBytes)],
    [
      "the file ends in its middle",
      (file, from, end) => change(file, (fd) => ftruncateSync(fd, (from + end) / 2 + 77)),
    ],
  ]
  const zero = (file: string, from: number, to: number): void =>
    change(file, (descriptor) => void writeSync(descriptor, Buffer.alloc(to - from), 0, to - from, from))

  it.each(torn)("%s", async (_, tear) => {
    const data = copyOf(killed.data)
    const file = lastSegment(data)
    // What was written last is what is in doubt: one block, or the last of several.
    const end = endOf(file)
    expect(end).toBeGreaterThan(killed.inDoubtFrom)
    tear(file, killed.inDoubtFrom, end)
    const server = await Server.start({ data, settings })
    expect(server.stderr).toMatch(/torn|cut/)
    expect(await killed.till.differences(server)).toEqual([])
    await server.killed()
  })

  it("nothing is cut where nothing is torn", async () => {
    const server = await Server.start({ data: copyOf(killed.data), settings })
    expect(server.stderr).not.toMatch(/torn|\bcut\b/)
    expect(await killed.till.differences(server)).toEqual([])
    await server.killed()
  })

  it("a page of garbage after the last block is not taken for a transaction", async () => {
    const data = copyOf(killed.data)
    const file = lastSegment(data)
    const end = endOf(file)
    change(
      file,
      (descriptor) => void writeSync(descriptor, Buffer.alloc(sectorBytes, 0x5a), 0, sectorBytes, end),
    )
    const server = Server.spawn({ data, settings })
    // Refused or cut: never a wrong balance.
    await Promise.race([server.ready().catch(() => {}), server.exited])
    if (server.exit === undefined) expect(await killed.till.differences(server)).toEqual([])
    else expect(server.stderr).toMatch(/\.seg/)
    if (server.exit === undefined) await server.killed()
  })
})

describe("snapshots", () => {
  it("a damaged snapshot never becomes a balance", async () => {
    const data = copyOf(stopped.data)
    const newest = readdirSync(join(data, "snapshots")).toSorted().at(-1)!
    for (const name of readdirSync(join(data, "snapshots", newest))) {
      const file = join(data, "snapshots", newest, name)
      flip(file, Math.floor(statSync(file).size / 2))
    }
    const server = Server.spawn({ data, settings })
    await Promise.race([server.ready().catch(() => {}), server.exited])
    if (server.exit === undefined) {
      expect(await stopped.till.differences(server)).toEqual([])
      await server.killed()
    } else {
      expect(server.exit.code).toBeGreaterThan(0)
      expect(server.stderr).toMatch(new RegExp(newest))
    }
  })

  it("from snapshot and tail, and from the journal alone, comes the same", async () => {
    const data = copyOf(stopped.data)
    rmSync(join(data, "snapshots"), { recursive: true })
    const server = await Server.start({ data, settings })
    expect(await stopped.till.differences(server)).toEqual([])
    await server.killed()
  })
})

describe("a shutdown", () => {
  it("is not held up by a session that never reads, nor by half a frame or no logon", async () => {
    const server = await Server.start({ data: temporaryDirectory(), settings })
    const till = await Till.open(server, 2, 10)
    const [silent, half, deaf] = [
      await RawConnection.open(server.port),
      await RawConnection.logOn(server.port, server.credential()),
      await RawConnection.logOn(server.port, server.credential()),
    ]
    half.sendBytes(Uint8Array.of(0x48, 0, 0))
    deaf.socket.pause()
    for (let i = 0; i < 60; i++) deaf.sendRecords(new Uint8Array(4_096 * 64))
    await sleep(200)
    const { code } = await server.stopped()
    expect(code).toBe(0)
    for (const connection of [silent, half, deaf]) connection.destroy()
    const again = await Server.start({ data: server.data, settings })
    expect(await till.differences(again)).toEqual([])
    await again.killed()
  })

  it("tells open sessions, takes a snapshot, and the next start replays nothing", async () => {
    const server = await Server.start({ data: temporaryDirectory(), settings })
    const till = await Till.open(server, 2, 10)
    const session = await RawConnection.logOn(server.port, server.credential())
    const exit = server.stopped()
    expect((await session.closing())?.["code"]).toBe("shutting-down")
    expect((await exit).code).toBe(0)
    const again = await Server.start({ data: server.data, settings })
    expect(again.stderr).toMatch(/recovered: snapshot at [\d,]+, 0 slots replayed/)
    expect(await till.differences(again)).toEqual([])
    await again.killed()
  })
})
