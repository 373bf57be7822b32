// A server to be mistreated, with a healthy session beside it; and what the tests that mistreat it say often.
import {
  BATCH_RECORDS_MAX,
  batchFrame,
  FRAME_HEADER_BYTES,
  Kind,
  type MessageMap,
  type Outcome,
  RECORD_BYTES,
  RecordAt,
  writeFrameHeader,
} from "@millrace/protocol"
import { expect } from "vitest"
import { HealthySession } from "./HealthySession.ts"
import { type Credential, RawConnection, Refused } from "./RawConnection.ts"
import { joined, recordOf } from "./Records.ts"
import { endAll, Server, temporaryDirectory } from "./Server.ts"

/** Another than the healthy session's: its accounts stay its own. */
export const currency = 203
const merchant = 2
export const terminal = 40
export const otherTerminal = 41
export const openingBalance = 100_000
const firstCard = 5_000_000_000_000_000_000n
const cardCount = 256

export class Stand {
  readonly data: string
  readonly server: Server
  readonly healthy: HealthySession
  readonly dev: Credential
  #cards = 0

  private constructor(server: Server, healthy: HealthySession, dev: Credential) {
    this.data = server.data
    this.server = server
    this.healthy = healthy
    this.dev = dev
  }

  static async begin(settings: { readonly [variable: string]: number }): Promise<Stand> {
    const memory = { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: 2 ** 20 }
    const server = await Server.start({ data: temporaryDirectory(), settings: { ...memory, ...settings } })
    // MILLRACE_TEST_SEED gives another run's traffic again.
    const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Date.now() % 1_000_000)
    console.log(`the healthy session's seed is ${seed}`)
    const healthy = await HealthySession.begin(server, seed)
    const stand = new Stand(server, healthy, server.credential())
    const admin = await stand.open()
    await admin.ask({
      type: "merchant",
      number: merchant,
      name: "Stand",
      currency,
      feeBasisPoints: 50,
      floatLimit: 2 ** 50,
    })
    await admin.ask({ type: "terminals", first: terminal, count: 2, merchant })
    await admin.ask({ type: "cards", first: firstCard, count: cardCount, currency, openingBalance })
    admin.destroy()
    return stand
  }

  /** Nothing was disturbed: every balance and account is right, the shutdown is clean, and nothing failed inside. */
  async end(): Promise<void> {
    try {
      await this.healthy.end()
      const { code } = await this.server.stopped()
      expect(code).toBe(0)
      expect(this.server.stderr).not.toMatch(/defect|failed|\n\s+at /)
    } catch (error) {
      console.error(
        `the server ended with ${JSON.stringify(this.server.exit)} and said:\n${this.server.stderr}`,
      )
      throw error
    } finally {
      endAll()
    }
  }

  /** A session of its own for one test, for all terminals. */
  open(): Promise<RawConnection> {
    return RawConnection.logOn(this.server.port, this.dev)
  }

  /** A card of its own for one test, with the opening balance. */
  card(): bigint {
    expect(this.#cards).toBeLessThan(cardCount)
    return firstCard + BigInt(this.#cards++)
  }

  /** The card's balance, as another session sees it. */
  async balanceOf(card: bigint): Promise<number> {
    const connection = await this.open()
    const { balance } = await connection.ask({ type: "card", card })
    connection.destroy()
    return Number(balance)
  }
}

export const purchaseOf = (card: bigint, amount = 100n, of = terminal): Uint8Array =>
  recordOf({ terminal: of, card, kind: Kind.purchase, amount }, currency)

export const balanceOf = (card: bigint): Uint8Array => recordOf({ terminal, card }, currency)

/** The records as one frame. */
export const batchOf = (records: ReadonlyArray<Uint8Array>): Uint8Array => {
  expect(records.length).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
  return batchFrame(joined(records), RECORD_BYTES, 1)
}

/** A frame's first 12 bytes. */
export const headerOf = (type: number, payloadBytes: number): Uint8Array => {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES)
  writeFrameHeader(new DataView(bytes.buffer), 0, type, payloadBytes, 7)
  return bytes
}

/** The answers to a batch in the order of its records, each matched by terminal and reference. */
export const answersOf = async (
  connection: RawConnection,
  records: ReadonlyArray<Uint8Array>,
): Promise<ReadonlyArray<Outcome>> => {
  const outcomes = await connection.outcomesOf(joined(records))
  return records.map((record) => {
    const view = new DataView(record.buffer, record.byteOffset)
    const reference = view.getBigUint64(RecordAt.reference, true)
    const of = view.getUint32(RecordAt.terminal, true)
    const found = outcomes.filter((outcome) => outcome.reference === reference && outcome.terminal === of)
    expect(found).toHaveLength(1)
    return found[0]
  })
}

/** The error message with which the server closes. */
export const farewellOf = async (connection: RawConnection): Promise<MessageMap> => {
  const said = await connection.closing()
  expect(said?.["type"], "the server says why it closes").toBe("error")
  expect(String(said?.["message"])).toMatch(/\w+ \w+/)
  return said ?? {}
}

/** The `error` that answers a message. */
export const refusalOf = async (answer: Promise<MessageMap>): Promise<Refused> => {
  const refused: unknown = await answer.catch((error: unknown) => error)
  if (refused instanceof Refused) return refused
  throw new Error(`expected an error message, got ${JSON.stringify(refused)}`)
}
