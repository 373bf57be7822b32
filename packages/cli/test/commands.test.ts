import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { cleanUp, Running, run, type Server, serve, temporaryDirectory } from "./program.ts"

// One server for all of these: they use terminals and cards of their own.
let server: Server
beforeAll(async () => {
  server = await serve(temporaryDirectory())
})
afterAll(cleanUp)

const client = (command: string, ...args: ReadonlyArray<string>) => [
  command,
  ...args,
  "--url",
  server.url,
  "--data",
  server.data,
]

describe("load", () => {
  const keys = [
    ...["transactions", "seconds", "throughput", "approved", "declined", "errors", "latencyMs"],
    ...["loop", "correctedMs", "client"],
  ]

  const loaded = async (...args: ReadonlyArray<string>) => {
    const { code, stdout, stderr } = await run([...client("load", "--json", "--cards", "2000"), ...args])
    // On a machine that is busy the program rightly says that it was the limit, or the server.
    expect(
      stderr
        .split("\n")
        .filter((line) => !/was the limit|the engine may be faster|did not keep up|^$/.test(line)),
    ).toEqual([])
    expect(code).toBe(0)
    expect(stdout.trimEnd().split("\n")).toHaveLength(1)
    const result = JSON.parse(stdout)
    // An open loop leaves nothing out that would have to be put back.
    const open = args.includes("--rate")
    expect(Object.keys(result)).toEqual(open ? keys.filter((key) => key !== "correctedMs") : keys)
    expect(result.loop).toBe(open ? "open" : "closed")
    expect(Object.keys(result.latencyMs)).toEqual(["p50", "p90", "p99", "p999", "max"])
    const declined = Object.values<number>(result.declined).reduce((sum, count) => sum + count, 0)
    expect(result.approved + declined).toBe(result.transactions)
    expect(result.errors).toBe(0)
    return result
  }

  it("in batches: every transaction is answered, and the line is the contract's", async () => {
    const result = await loaded(
      "--duration",
      "0.5",
      "--connections",
      "3",
      "--in-flight",
      "2",
      "--batch",
      "64",
    )
    expect(result.transactions).toBeGreaterThanOrEqual(3 * 2 * 64)
  })

  it("as terminals: one record a frame", async () => {
    const result = await loaded(
      "--mode",
      "terminals",
      "--duration",
      "0.5",
      "--connections",
      "20",
      "--in-flight",
      "3",
    )
    expect(result.transactions).toBeGreaterThanOrEqual(60)
  })

  it("in an open loop: what is due is sent, whatever the answers do", async () => {
    const result = await loaded(
      "--mode",
      "terminals",
      "--rate",
      "500",
      "--duration",
      "1",
      "--in-flight",
      "50",
    )
    expect(result.transactions).toBe(500)
  })

  it("tells people what it made, how it goes, and a table", async () => {
    const { code, stdout, stderr } = await run(
      client("load", "--duration", "1.2", "--cards", "100", "--connections", "1"),
    )
    expect(code).toBe(0)
    expect(stdout).toBe("")
    expect(stderr).toMatch(/^provisioned \d+ cards and \d+ terminals in \d+\.\d s/)
    expect(stderr).toMatch(/1\/1\.2 s +[\d,]+\/s {3}p50 [\d.]+ ms {3}p99 [\d.]+ ms/)
    expect(stderr).toMatch(/ {2}throughput +[\d,]+\/s\n/)
    expect(stderr).toMatch(/ {2}this client +\d+ % of one core/)
  })

  it("ends early on a first signal, with the figures so far", async () => {
    const running = new Running(client("load", "--duration", "60", "--cards", "100", "--connections", "1"))
    await running.until(/1\/60 s/)
    const { code, stderr } = await running.signal("SIGINT")
    expect(code).toBe(130)
    expect(stderr).toMatch(/ {2}errors +0\n/)
  })
})

describe("provision", () => {
  const scheme = {
    merchants: [{ number: 7, name: "Seven", currency: 978 }],
    terminals: [{ first: 70, count: 2, merchant: 7, keys: true }],
    cards: [{ first: "4000000000000000001", count: 3, currency: 978, openingBalance: 500 }],
    hosts: [{ id: "seven", terminals: [[70, 71]], permissions: ["transact"], iso: true }],
  }

  it("makes what a file names, once, and writes keys only to their own file", async () => {
    const directory = temporaryDirectory()
    const file = join(directory, "scheme.json")
    const keys = join(directory, "keys.json")
    writeFileSync(file, JSON.stringify(scheme))
    const first = await run(client("provision", file, "--keys-out", keys))
    expect(first.code).toBe(0)
    expect(first.stdout).toBe(
      "merchant 7 Seven: created\nterminals 70–71 of merchant 7: 2 created\n" +
        "cards 400000*********0001 and on, 3: 3 created\nhost seven: may now transact for 70–71\n",
    )
    expect(statSync(keys).mode & 0o777).toBe(0o600)
    const { credentials } = JSON.parse(readFileSync(keys, "utf8"))
    expect(credentials).toMatchObject([{ terminal: 70 }, { terminal: 71 }, { host: "seven" }])
    const { iso } = credentials[2]
    expect([iso.tdes, iso.tdesCheck, iso.aes, iso.aesCheck].map((text) => text.length)).toEqual([
      32, 6, 64, 6,
    ])
    expect(first.stdout + first.stderr).not.toContain(iso.tdes)
    for (const { key } of credentials) expect(first.stdout + first.stderr).not.toContain(key)
    const [second, again] = await Promise.all([
      run(client("provision", file)),
      run(client("provision", file, "--keys-out", keys)),
    ])
    expect(second.stdout).toContain("cards 400000*********0001 and on, 3: 0 created, 3 there already")
    expect(second.stdout).toContain("merchant 7 Seven: there already, now as in the file\n")
    expect(second.stderr).toMatch(/3 keys not shown here/)
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/keys\.json is there already: keys are never written over/)
  })

  it("writes a single key as a credentials file, which then logs on and may do no more than it should", async () => {
    const directory = temporaryDirectory()
    const file = join(directory, "scheme.json")
    const keys = join(directory, "host.json")
    writeFileSync(
      file,
      JSON.stringify({ hosts: [{ id: "only", terminals: [[1, 5]], permissions: ["transact"] }] }),
    )
    expect((await run(client("provision", file, "--keys-out", keys))).code).toBe(0)
    const { code, stderr } = await run(client("provision", file, "--credentials", keys))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^millrace: .*scheme\.json:1:11: hosts\[0\]: .*\(not-permitted\)\n$/)
  })

  it("says what a host may now do, and masks the card of a conflict", async () => {
    const directory = temporaryDirectory()
    const hosts = join(directory, "hosts.json")
    const conflict = join(directory, "conflict.json")
    const idle = { id: "idle", terminals: [], permissions: [] }
    const admin = { id: "admin", terminals: [], permissions: ["provision", "inspect", "administer"] }
    writeFileSync(hosts, JSON.stringify({ hosts: [idle, admin] }))
    const card = { first: "4100000000000000001", currency: 978 }
    writeFileSync(conflict, JSON.stringify({ cards: [card, { ...card, currency: 963 }] }))
    const keys = join(directory, "keys.json")
    const made = await run(client("provision", hosts, "--keys-out", keys))
    expect(made.stdout).toBe(
      "host idle: may now do nothing\nhost admin: may now provision, inspect and administer for no terminal\n",
    )
    const [refused, several] = await Promise.all([
      run(client("provision", conflict)),
      run(client("provision", hosts, "--credentials", keys)),
    ])
    expect(refused.stderr).toMatch(
      /conflict\.json:1:\d+: cards\[1\]\.first: cards of this entry are in cards\[0\] already\n$/,
    )
    expect(refused.stderr).not.toContain("4100000000000000001")
    expect(several.stderr).toMatch(/keys\.json holds 2 credentials: put one in a file of its own/)
  })

  it("names the place of a mistake", async () => {
    const file = join(temporaryDirectory(), "scheme.json")
    writeFileSync(file, JSON.stringify({ cards: [{ first: 1, currency: "EUR" }] }))
    const { code, stderr } = await run(client("provision", file))
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^millrace: .*scheme\.json:1:33: cards\[0\]\.currency: expected .*, found "EUR"\n$/,
    )
  })
})

describe("demo and journal", () => {
  it("plays a story; its journal can be verified, dumped and counted, and damage is found with its place", async () => {
    const data = join(temporaryDirectory(), "town")
    const demo = await run(["demo", "--duration", "1", "--data", data])
    expect(demo.code).toBe(0)
    expect(demo.stderr).toMatch(/approved \(the first answer again\)/)
    expect(demo.stderr).toMatch(/declined 51, insufficient funds/)
    expect(demo.stderr).toMatch(/ PIN change .*approved/)
    expect(demo.stderr).toMatch(/at the pace of people/)
    expect(demo.stderr).toMatch(/reversal .*approved, available/)
    // What the story says happens, happens: each refusal is the one that it speaks of.
    for (const told of [
      /bonus 4\.00\n/,
      /recharge +250\.00 .*declined 55.*\n.*recharge +250\.00 .*approved/,
      /meals 0\.00, main 7\.50/,
      /completion +21\.40 .*approved/,
      /approved for 25\.00 of it/,
      /void .*approved/,
      /transfer +5\.00 .*approved/,
      /declined 41, .*\("Keep the card at the pump"\)/,
      /close .*approved/,
      /close .*declined 95/,
      /batch 1 is closed, batch 2 begins/,
    ]) {
      expect(demo.stderr).toMatch(told)
    }
    expect(demo.stderr).toMatch(/ {2}sum +0 /)
    expect(demo.stderr).not.toMatch(/\d{13}/)

    const [verify, stat, dump, completions] = await Promise.all([
      run(["journal", "verify", data]),
      run(["journal", "stat", data, "--json"]),
      run(["journal", "dump", data, "--to", "900"]),
      run([
        "journal",
        "dump",
        data,
        "--json",
        "--kind",
        "completion",
        "--terminal",
        "970000017",
        "--to",
        "900",
      ]),
    ])
    expect(verify).toMatchObject({ code: 0, stderr: "" })
    expect(verify.stdout).toMatch(
      /every block is authentic.*every decision came out the same.*add up to 0.*sound/s,
    )
    const found = JSON.parse(stat.stdout)
    expect(found).toMatchObject({ shards: 4, first: 1, keyIds: [1] })
    expect(found.snapshots).toMatchObject([{ position: found.last, bytes: expect.any(Number), keyId: 1 }])
    expect(dump.stdout).toMatch(/ control {3}cards by="host:dev" first="597000\*{6}0000" count=100/)
    expect(dump.stdout).toMatch(/ control {3}code by="host:dev" merchant=970002\n/)
    expect(dump.stdout).toMatch(
      / control {3}lifecycle by="host:dev" card="597001\*{6}\d{4}" action="lost" reason="reported/,
    )
    expect(dump.stdout).toMatch(
      / purchase {2}terminal=970000013 .* amount=850 .* response=00 .*purses=\{"main":250,"category1":600\}\n/,
    )
    expect(dump.stdout).toMatch(/ purchase {2}.* response=55 .* pin=wrong\n/)
    expect(dump.stdout).toMatch(/ arrival {2}.* amount=500 /)
    expect(dump.stdout).not.toMatch(/\b59700\d{11}\b|verifier/)
    expect(JSON.parse(completions.stdout.split("\n")[0])).toMatchObject({
      kind: "completion",
      terminal: 970_000_017,
      response: "00",
      amount: 2_140,
    })

    const segment = join(data, "journal", readdirSync(join(data, "journal"))[0])
    const bytes = readFileSync(segment)
    bytes[6_000] ^= 1
    writeFileSync(segment, bytes)
    const damaged = await run(["journal", "verify", data])
    expect(damaged.code).toBe(1)
    expect(damaged.stderr).toMatch(/^millrace: journal\/0+1\.seg is damaged at byte \d+.*\n$/)
    truncateSync(segment, 0)
  })

  it("looks at a directory that a server is using", async () => {
    const [stat, verify] = await Promise.all([
      run(["journal", "stat", server.data]),
      run(["journal", "verify", server.data]),
    ])
    expect(stat.stdout).toMatch(/^made .*\nsequences {2}1 to /)
    expect(verify).toMatchObject({ code: 0, stderr: "" })
  })
})
