// Sessions that lie, dawdle, crowd or vanish: each is told why, or ends alone, and nobody else notices.
import {
  BATCH_RECORDS_MAX,
  type MessageMap,
  RECORD_BYTES,
  RecordFlag,
  ResponseCode,
} from "@millrace/protocol"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Credential, framed, RawConnection } from "./src/RawConnection.ts"
import { joined } from "./src/Records.ts"
import {
  answersOf,
  batchOf,
  currency,
  farewellOf,
  openingBalance,
  otherTerminal,
  purchaseOf,
  refusalOf,
  Stand,
  terminal,
} from "./src/Stand.ts"
import { sleep, until, within } from "./src/within.ts"

const sessionsMax = 24
const recordsInFlightMax = 4_096
/** Less than the system's own buffers: a session that does not read is noticed at once. */
const unreadBytesMax = 4_096

let stand: Stand

beforeAll(async () => {
  stand = await Stand.begin({
    MILLRACE_LIMITS_SESSIONS_MAX: sessionsMax,
    MILLRACE_LIMITS_RECORDS_IN_FLIGHT_MAX: recordsInFlightMax,
    MILLRACE_LIMITS_UNREAD_BYTES_MAX: unreadBytesMax,
  })
})
afterEach(() => stand.healthy.goesOn())
afterAll(() => stand.end())

const stranger = () => RawConnection.open(stand.server.port)

describe("logon", () => {
  const wrongKey = (): Credential => ({ ...stand.dev, key: stand.dev.key.map((byte) => byte ^ 1) })

  it("wrong key, unknown host and unknown terminal get the same words", async () => {
    const key = new Uint8Array(32).fill(7)
    const liars: ReadonlyArray<Credential> = [
      wrongKey(),
      { identity: { host: "nobody" }, key },
      { identity: { terminal: 3_999_999_999 }, key },
      { identity: { terminal }, key },
    ]
    const said = []
    for (const liar of liars) {
      const connection = await stranger()
      const refused = await connection.logOn(liar).catch((error: unknown) => error)
      expect(String(refused)).toMatch(/logon-refused|closed/)
      said.push(await farewellOf(connection))
    }
    expect(said[0]["code"]).toBe("logon-refused")
    for (const other of said) expect(other).toEqual(said[0])
  })

  it("an old proof is worth nothing", async () => {
    const first = await stranger()
    const { hello, logon } = await first.logOn(stand.dev)
    first.destroy()
    const replay = await stranger()
    replay.sendBytes(hello)
    replay.sendBytes(logon)
    expect((await farewellOf(replay))["code"]).toBe("logon-refused")
  })

  it.each([
    ["records", () => batchOf([purchaseOf(1n)]), "bad-message"],
    ["a request", () => framed({ type: "echo" }, 1), "bad-message"],
    ["a logon without a hello", () => framed({ type: "logon", proof: new Uint8Array(32) }, 1), "bad-message"],
    ["another version", () => framed(helloWith({ protocol: 2 }), 1), "unsupported-version"],
    ["a short nonce", () => framed(helloWith({ nonce: new Uint8Array(15) }), 1), "bad-message"],
    ["two identities", () => framed(helloWith({ identity: { host: "dev", terminal: 1 } }), 1), "bad-message"],
    ["two hellos", () => joined([framed(helloWith({}), 1), framed(helloWith({}), 2)]), "bad-message"],
  ])("before the welcome, %s: told and closed", async (_, bytes, code) => {
    const connection = await stranger()
    connection.sendBytes(bytes())
    expect((await farewellOf(connection))["code"]).toBe(code)
  })

  it("after the welcome, a second logon changes nothing", async () => {
    const connection = await stand.open()
    expect((await refusalOf(connection.ask(helloWith({})))).code).toBe("unknown-type")
    expect(await connection.ask({ type: "echo" })).toMatchObject({ type: "echo.ok" })
    connection.destroy()
  })
})

const helloWith = (fields: { readonly [field: string]: unknown }) => ({
  type: "hello",
  protocol: 1,
  identity: { host: "dev" },
  nonce: new Uint8Array(16),
  ...fields,
})

const requests: { readonly [type: string]: MessageMap } = {
  accounts: { type: "accounts" },
  card: { type: "card", card: 5_000_000_000_000_000_000n },
  cards: { type: "cards", first: 1n, count: 1, currency, openingBalance: 1 },
  merchant: { type: "merchant", number: 2, name: "x", currency, feeBasisPoints: 0, floatLimit: 2 ** 50 },
  terminals: { type: "terminals", first: 50, count: 1, merchant: 2 },
  host: { type: "host", id: "evil", terminals: [[1, 2]], permissions: ["administer"] },
  transact: { type: "transact", kind: "balance", reference: 1n, card: 1n, amount: 0, currency, terminal },
}

describe("permission", () => {
  const hostWith = async (id: string, permissions: ReadonlyArray<string>) => {
    const admin = await stand.open()
    const { key } = await admin.ask({ type: "host", id, terminals: [[terminal, terminal]], permissions })
    admin.destroy()
    // The answer's schema has it as bytes.
    return RawConnection.logOn(stand.server.port, { identity: { host: id }, key: key as Uint8Array })
  }

  it("a terminal's session speaks for itself only", async () => {
    const admin = await stand.open()
    const { key } = await admin.ask({ type: "terminals", first: terminal, count: 1, merchant: 2 })
    admin.destroy()
    const card = stand.card()
    // As above.
    const credential = { identity: { terminal }, key: key as Uint8Array }
    const connection = await RawConnection.logOn(stand.server.port, credential)
    const answers = await answersOf(connection, [
      purchaseOf(card, 1n),
      purchaseOf(card, 2n, otherTerminal),
      purchaseOf(card, 4n),
      purchaseOf(card, 8n, 0),
    ])
    const { notPermittedToTerminal } = ResponseCode
    expect(answers.map((answer) => answer.response)).toEqual([
      0,
      notPermittedToTerminal,
      0,
      notPermittedToTerminal,
    ])
    expect(await stand.balanceOf(card)).toBe(openingBalance - 5)
    for (const type of ["accounts", "card", "cards", "merchant", "terminals", "host"]) {
      expect((await refusalOf(connection.ask(requests[type]))).code).toBe("not-permitted")
    }
    connection.destroy()
  })

  it("a host speaks for its terminals only", async () => {
    const connection = await hostWith("narrow", ["transact"])
    const card = stand.card()
    const answers = await answersOf(connection, [purchaseOf(card, 1n, otherTerminal), purchaseOf(card, 2n)])
    expect(answers.map((answer) => answer.response)).toEqual([ResponseCode.notPermittedToTerminal, 0])
    connection.destroy()
  })

  it.each([
    ["transact", ["accounts", "card", "cards", "merchant", "terminals", "host"]],
    ["inspect", ["cards", "merchant", "terminals", "host", "transact"]],
    ["provision", ["accounts", "card", "host", "transact"]],
    ["administer", ["accounts", "card", "cards", "merchant", "terminals", "transact"]],
  ])("a host that may only %s is not permitted the rest", async (permission, refused) => {
    const connection = await hostWith(`only-${permission}`, [permission])
    for (const type of refused) {
      expect((await refusalOf(connection.ask(requests[type]))).code).toBe("not-permitted")
    }
    connection.destroy()
  })

  it("a host that may not transact gets 58 for its records", async () => {
    const connection = await hostWith("looker", ["inspect"])
    const card = stand.card()
    const [answer] = await answersOf(connection, [purchaseOf(card)])
    expect(answer.response).toBe(ResponseCode.notPermittedToTerminal)
    expect(await stand.balanceOf(card)).toBe(openingBalance)
    connection.destroy()
  })
})

describe("crowds", () => {
  it("one session too many is told and closed; when one goes, the next one gets in", async () => {
    const crowd: Array<RawConnection> = []
    for (let i = 0; i < sessionsMax + 4; i++) crowd.push(await stranger())
    const turnedAway = crowd.slice(-4)
    for (const connection of turnedAway)
      expect((await farewellOf(connection))["code"]).toBe("too-many-sessions")
    await stand.healthy.goesOn()
    for (const connection of crowd) connection.destroy()
    let next: RawConnection | undefined
    while (next === undefined) next = await stand.open().catch(() => undefined)
    expect(await next.ask({ type: "echo" })).toMatchObject({ type: "echo.ok" })
    next.destroy()
  })

  it("a session that never reads stops alone, and gets every answer when it reads", async () => {
    // 39 MB: more than the system holds of requests one way and of answers the other.
    const frames = 150
    const connection = await stand.open()
    let answered = 0
    connection.onOutcome = () => answered++
    connection.socket.pause()
    const refused = new Uint8Array(BATCH_RECORDS_MAX * RECORD_BYTES)
    for (let i = 0; i < frames; i++) connection.sendRecords(refused)
    await untilStill(connection)
    expect(connection.socket.writableLength).toBeGreaterThan(0)
    connection.socket.resume()
    await until("all is answered", () => answered === frames * BATCH_RECORDS_MAX)
    connection.destroy()
  })

  it("a session that reads late, and was sent little at a time, gets every answer too", async () => {
    const records = new Uint8Array(150 * RECORD_BYTES)
    const connection = await stand.open()
    let [sent, answered] = [0, 0]
    connection.onOutcome = () => answered++
    connection.socket.pause()
    do {
      while (connection.socket.writableLength < 200_000) {
        connection.sendRecords(records)
        sent += 150
        await new Promise((resolve) => setImmediate(resolve))
      }
      await untilStill(connection)
    } while (connection.socket.writableLength === 0)
    connection.socket.resume()
    await until("all is answered", () => answered === sent)
    connection.destroy()
  })
})

/** The server reads nothing more of it, though it goes on reading the healthy session. */
const untilStill = async (connection: RawConnection): Promise<void> => {
  for (let before = -1; before !== connection.socket.writableLength; ) {
    before = connection.socket.writableLength
    for (let i = 0; i < 10; i++) await stand.healthy.goesOn()
  }
}

describe("connections that go", () => {
  it("cut in the middle of a batch: what is sent again is done once", async () => {
    const card = stand.card()
    const records = Array.from({ length: 100 }, () => purchaseOf(card, 1n))
    const cut = await stand.open()
    cut.sendBytes(batchOf(records).subarray(0, 12 + 50.5 * RECORD_BYTES))
    await until("the bytes are on their way", () => cut.socket.writableLength === 0)
    cut.destroy()
    const again = await stand.open()
    const answers = await answersOf(
      again,
      records.map((record) => record.with(61, RecordFlag.repeat)),
    )
    expect(answers.map((answer) => answer.response)).toEqual(records.map(() => 0))
    expect(await stand.balanceOf(card)).toBe(openingBalance - 100)
    again.destroy()
  })

  it("who is told to go, stays, and goes on sending is thrown out", async () => {
    const connection = await RawConnection.open(stand.server.port, { allowHalfOpen: true })
    connection.sendBytes(new Uint8Array(16))
    await until("the server has closed its side", () => connection.ended)
    const trickle = setInterval(() => connection.sendBytes(Uint8Array.of(0)), 200)
    try {
      await within("the end of the connection", connection.gone)
    } finally {
      clearInterval(trickle)
      connection.destroy()
    }
  })

  it("reset while much is in flight: done once all the same", async () => {
    const card = stand.card()
    const records = Array.from({ length: 2_000 }, () => purchaseOf(card, 1n))
    const cut = await stand.open()
    cut.sendBytes(batchOf(records))
    await sleep(1)
    cut.socket.resetAndDestroy()
    const again = await stand.open()
    await answersOf(again, records)
    expect(await stand.balanceOf(card)).toBe(openingBalance - 2_000)
    again.destroy()
  })

  it("closed for writing after sending: all answers still come, then the server closes", async () => {
    const card = stand.card()
    const records = Array.from({ length: 3_000 }, () => purchaseOf(card, 1n))
    const connection = await stand.open()
    const answers = connection.outcomesOf(joined(records))
    connection.socket.end()
    expect(await answers).toHaveLength(3_000)
    expect(await connection.closing()).toBeUndefined()
    expect(await stand.balanceOf(card)).toBe(openingBalance - 3_000)
  })

  it("closed for writing after a message: the answer still comes", async () => {
    const connection = await stand.open()
    const answer = connection.ask({ type: "accounts" })
    connection.socket.end()
    expect(await answer).toMatchObject({ type: "accounts.ok" })
    await connection.closing()
  })
})
