// PROTOCOL.md is checked against the code: its dumps, its tables and its numbers are this test's data.
import { createDecipheriv } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import {
  BATCH_RECORDS_MAX,
  clientTranscript,
  decodeOutcome,
  decodePinBlock,
  decodeRecord,
  FRAME_HEADER_BYTES,
  FrameAt,
  FrameReader,
  flagsOf,
  Kind,
  kindNames,
  LOGON_SECONDS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_DEPTH_MAX,
  makeReference,
  OUTCOME_BYTES,
  OutcomeAt,
  PIN_DIGITS_MAX,
  PIN_DIGITS_MIN,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  ResponseCode,
} from "../src/index.ts"
import * as cards from "../src/messages/cards.ts"
import * as merchants from "../src/messages/merchants.ts"
import * as questions from "../src/messages/questions.ts"
import * as transactions from "../src/messages/transact.ts"
import {
  CARDS_PER_COMMAND_MAX,
  CARDS_PER_ISSUE_MAX,
  errorCodes,
  FEE_TIERS_MAX,
  HISTORY_MAX,
  HOST_RANGES_MAX,
  HOTLIST_CHANGES_MAX,
  PARAMETER_CHARACTERS_MAX,
  PARAMETERS_MAX,
  Permission,
  requestTypes,
  TERMINALS_PER_COMMAND_MAX,
} from "../src/messages.ts"
import {
  block1234,
  clientNonce,
  clientProof,
  fill,
  golden,
  identity,
  pinKey,
  serverNonce,
  serverProof,
} from "./golden.ts"

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
      const batches: { readonly [name: string]: number } = { batch: 2, outcomes: 2, pins: 3 }
      expect([units, messages], name).toEqual(name in batches ? [batches[name], 0] : [0, 1])
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

  it("states a PIN key and a PIN block that can be checked", () => {
    const { pins } = dumps()
    const view = new DataView(pins.buffer)
    for (const bytes of [pinKey, block1234, fill]) expect(page).toContain(hex(bytes))
    const [purchase, change, close] = [0, 1, 2].map((i) => decodeRecord(view, FRAME_HEADER_BYTES + i * 64))
    const decrypt = (block: Uint8Array) =>
      createDecipheriv("aes-256-ecb", pinKey, null).setAutoPadding(false).update(block)
    expect(decodePinBlock(decrypt, purchase.card, purchase.pinBlock!)).toBe("1234")
    const newBlock = pins.subarray(FRAME_HEADER_BYTES + 64 + RecordAt.original).subarray(0, 16)
    expect(decodePinBlock(decrypt, change.card, newBlock)).toBe("567890")
    expect(close).toMatchObject({
      kind: Kind.close,
      amount: 6_250,
      original: 500n,
      counterparty: 0x1_0000_0002n,
    })
  })

  it("says which flag goes with which kind", () => {
    const rows = table("## The record", "| bit | flag |")
    expect(Object.fromEntries(rows.map(([bit, name]) => [name.toLowerCase(), 2 ** Number(bit)]))).toEqual(
      RecordFlag,
    )
    for (const [bit, name, kinds] of rows) {
      const carrying = kindNames.filter((kind) => (flagsOf(Kind[kind]) & (2 ** Number(bit))) !== 0)
      expect(kinds === "every" ? kindNames : kinds.split(", "), name).toEqual(carrying)
    }
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

  it("names every field of every request", () => {
    const schemas: { readonly [name: string]: unknown } = {
      ...cards,
      ...merchants,
      ...questions,
      ...transactions,
    }
    const products = page.slice(page.indexOf("### Products"), page.indexOf("### Transactions"))
    for (const [type, cell] of table("## Messages", "| request |")) {
      const schema = type.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
      const { fields } = schemas[schema] as { readonly fields: object } // each request is a struct
      const told = type === "product" ? `${cell}, ${products}` : cell
      // What stands in braces is within a field.
      const names = [...told.replace(/\{[^}]*\}/g, "").matchAll(/`([a-zA-Z]+)\??`/g)].map(([, name]) => name)
      const expected = Object.keys(fields).filter((name) => name !== "type")
      if (type === "product") expect(names, type).toEqual(expect.arrayContaining(expected))
      else expect(names.sort(), type).toEqual(expected.sort())
    }
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
    expect(limits.get("cards of one `issue`")).toBe(String(CARDS_PER_ISSUE_MAX))
    expect(limits.get("tiers of a fee plan")).toBe(String(FEE_TIERS_MAX))
    expect(limits.get("transactions of one `history`")).toBe(String(HISTORY_MAX))
    expect(limits.get("changes of one `hotlist`")).toBe(String(HOTLIST_CHANGES_MAX))
    expect(limits.get("parameters of a terminal")).toBe(
      `${PARAMETERS_MAX} of ${PARAMETER_CHARACTERS_MAX} characters each`,
    )
    expect(limits.get("digits of a PIN or code")).toBe(`${PIN_DIGITS_MIN} to ${PIN_DIGITS_MAX}`)
  })
})
