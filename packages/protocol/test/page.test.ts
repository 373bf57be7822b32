// PROTOCOL.md is checked against the code: its dumps, its tables and its numbers are this test's data.
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import {
  BATCH_RECORDS_MAX,
  clientTranscript,
  decodeOutcome,
  decodeRecord,
  FRAME_HEADER_BYTES,
  FrameAt,
  FrameReader,
  Kind,
  LOGON_SECONDS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_DEPTH_MAX,
  makeReference,
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  RecordAt,
  ResponseCode,
} from "../src/index.ts"
import {
  CARDS_PER_COMMAND_MAX,
  errorCodes,
  HOST_RANGES_MAX,
  Permission,
  requestTypes,
  TERMINALS_PER_COMMAND_MAX,
} from "../src/messages.ts"
import { clientNonce, clientProof, golden, identity, serverNonce, serverProof } from "./golden.ts"

const page = readFileSync(new URL("../PROTOCOL.md", import.meta.url), "utf8")

/** The bytes of each ```hex block, by its name. */
const dumps = (): { readonly [name: string]: Uint8Array } =>
  Object.fromEntries(
    [...page.matchAll(/```hex (\S+)\n([\s\S]*?)\n```/g)].map(([, name, body]) => {
      const bytes = body.split("\n").flatMap((line, row) => {
        expect(Number.parseInt(line.slice(0, 4), 16), `${name} line ${row}`).toBe(row * 16)
        return line
          .slice(6, 53)
          .trim()
          .split(" ")
          .map((pair) => Number.parseInt(pair, 16))
      })
      return [name, Uint8Array.from(bytes)]
    }),
  )

/** The rows of the first table after a heading whose head begins with `head`, however its columns are padded. */
const table = (heading: string, head: string): ReadonlyArray<ReadonlyArray<string>> => {
  const section = page.slice(page.indexOf(`\n${heading}\n`)).split("\n")
  const lines = section.map((line) => line.replace(/ +/g, " "))
  const start = lines.findIndex((line) => line.startsWith(head))
  expect(start, `${heading}: ${head}`).toBeGreaterThan(0)
  const body = lines.slice(start + 2)
  const rows = body.slice(
    0,
    body.findIndex((line) => !line.startsWith("|")),
  )
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  )
}

const offsets = (heading: string) =>
  Object.fromEntries(table(heading, "| at | bytes |").map(([at, , , field]) => [field, Number(at)]))

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe("PROTOCOL.md", () => {
  it("shows each frame as the code makes it", () => {
    const shown = dumps()
    expect(Object.keys(shown).sort()).toEqual(Object.keys(golden).sort())
    for (const [name, bytes] of Object.entries(golden)) expect(hex(shown[name]), name).toBe(hex(bytes))
  })

  it("shows frames that a reader takes", () => {
    for (const [name, bytes] of Object.entries(dumps())) {
      let units = 0
      let messages = 0
      const sink = {
        units: (_view: DataView, _at: number, count: number) => {
          units += count
          return count
        },
        message: () => {
          messages++
        },
      }
      const reader = new FrameReader(name === "outcomes" ? 32 : 64, sink)
      expect(reader.push(bytes)).toBeNull()
      expect(reader.midFrame).toBe(false)
      expect([units, messages], name).toEqual(name === "batch" || name === "outcomes" ? [2, 0] : [0, 1])
    }
  })

  it("shows the record and outcome that its text tells of", () => {
    const { batch, outcomes } = dumps()
    expect(decodeRecord(new DataView(batch.buffer), FRAME_HEADER_BYTES)).toMatchObject({
      amount: 1_250,
      kind: Kind.purchase,
      currency: 978,
    })
    expect(decodeRecord(new DataView(batch.buffer), FRAME_HEADER_BYTES + 64)).toMatchObject({
      kind: Kind.reversal,
      original: makeReference(1_760_000_000_000, 0),
      flags: 1,
    })
    expect(decodeOutcome(new DataView(outcomes.buffer), FRAME_HEADER_BYTES)).toMatchObject({
      available: 98_750,
      response: 0,
      flags: 0,
    })
    expect(page).toContain(`0x${makeReference(1_760_000_000_250, 1).toString(16)}`)
  })

  it("states proofs that can be checked", () => {
    expect(page).toContain(hex(clientProof))
    expect(page).toContain(hex(serverProof))
    expect(page).toContain(`${clientTranscript(identity, serverNonce, clientNonce).length} bytes`)
  })

  it("has the offsets of record, outcome and frame", () => {
    expect(offsets("## The record")).toEqual(RecordAt)
    expect(offsets("## The outcome")).toEqual(OutcomeAt)
    expect(offsets("## The frame")).toEqual(FrameAt)
  })

  it("has fields that fill record and outcome without a gap", () => {
    for (const [heading, size] of [
      ["## The record", RECORD_BYTES],
      ["## The outcome", OUTCOME_BYTES],
    ] as const) {
      const rows = table(heading, "| at | bytes |")
      let at = 0
      for (const [start, bytes] of rows) {
        expect(Number(start)).toBe(at)
        at += Number(bytes)
      }
      expect(at).toBe(size)
      expect(page).toContain(`${heading}\n\n${size} bytes.`)
    }
  })

  it("lists every kind, response code, error code, permission and request", () => {
    const kinds = table("## The record", "| kind | name |")
    expect(Object.fromEntries(kinds.map(([kind, name]) => [name, Number(kind)]))).toEqual(Kind)
    const responses = table("## Response codes", "| code |")
    expect(Object.fromEntries(responses.map(([code, name]) => [name, Number(code)]))).toEqual(ResponseCode)
    const errors = table("## Error codes", "| code |").map(([code]) => code)
    expect([...errors].sort()).toEqual([...errorCodes].sort())
    const permissions = table("## Messages", "| permission |").map(([name]) => name)
    expect(permissions).toEqual([...Permission.literals])
    const requests = table("## Messages", "| request |").map(([name]) => name)
    expect(requests).toEqual([...requestTypes])
  })

  it("has the limits of the code", () => {
    const limits = new Map(
      table("## Limits", "| limit |").map(([name, value]) => [name, value.replace(",", "")]),
    )
    expect(limits.get("message, bytes")).toBe(String(MESSAGE_BYTES_MAX))
    expect(limits.get("batch, records or outcomes")).toBe(String(BATCH_RECORDS_MAX))
    expect(limits.get("depth of a message")).toBe(String(MESSAGE_DEPTH_MAX))
    expect(limits.get("logon, seconds")).toBe(String(LOGON_SECONDS_MAX))
    expect(limits.get("cards in one command")).toBe(String(CARDS_PER_COMMAND_MAX))
    expect(limits.get("terminals in one command")).toBe(String(TERMINALS_PER_COMMAND_MAX))
    expect(limits.get("ranges of a host")).toBe(String(HOST_RANGES_MAX))
  })
})
