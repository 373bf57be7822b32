import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { Effect, Exit } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { till } from "../../src/pos/Pos.ts"
import { shop } from "../../src/pos/Shop.ts"
import { runHere } from "../here.ts"
import { cleanUp, type Ended, Running, run, type Server, serve, temporaryDirectory } from "../program.ts"

// One server for all of these: each has a terminal of its own.
let server: Server
beforeAll(async () => {
  server = await serve(temporaryDirectory(), { ephemeral: true })
})
afterAll(cleanUp)

const scripts: Array<string> = []
const script = (...lines: ReadonlyArray<string>): string => {
  const file = join(server.data, `script-${scripts.length}.txt`)
  scripts.push(file)
  writeFileSync(file, lines.join("\n"))
  return file
}

const flags = (terminal: number) => ["--data", server.data, "--terminal", String(terminal)]

const play = (terminal: number, ...lines: ReadonlyArray<string>): Promise<Ended> =>
  runHere(["pos", ...flags(terminal), "--url", server.url, "--yes", "--script", script(...lines)])

/** What was printed, receipt by receipt. */
const receipts = ({ stdout }: Ended) => stdout.split(/^-{40}\n/m).filter((part) => part.includes("Terminal"))

describe("a shop that is not there", () => {
  it("is made only when somebody says so", async () => {
    const refused = await runHere([
      "pos",
      ...flags(880_010),
      "--url",
      server.url,
      "--script",
      script("balance"),
    ])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      "millrace: there is no terminal 880010 yet: --yes makes it, with a small shop around it\n",
    ])
    const made = await play(880_010, "card 1", "balance", "expect 00")
    expect(made.code).toBe(0)
    expect(made.stderr).toMatch(/^Made: Mill Street Corner Shop, terminal 880010, 3 cards\. PIN 1234 /)
    expect(receipts(made)[0]).toMatch(
      /Mill Street Corner Shop\nTerminal 880010 .*\nSTAN 000001 +RRN \d{12}\nCard 597088\*{6}\d{4}\nBALANCE\nAPPROVED 00 +Auth \d{6}\nAvailable +EUR \d+\.\d\d\n/,
    )
    // Another terminal of it: money and PINs are not given a second time.
    const again = await play(880_011, "card 1", "balance", "expect 00")
    expect(receipts(again)[0]).toContain("Available")
    expect(/EUR .*/.exec(again.stdout)?.[0]).toBe(/EUR .*/.exec(made.stdout)?.[0])
  })
})

describe("a day at the till", () => {
  it("sells, refunds, holds, transfers, voids, asks, prints again and closes", async () => {
    const day = await play(
      880_020,
      "card 2",
      "recharge 20.00",
      "expect 00",
      "sell 12.50",
      "expect 00",
      "sell 30.00 # more than goes without the PIN",
      "expect 55",
      "pin 1234",
      "sell 30.00",
      "expect 00",
      "refund 2.00",
      "refund 1.50 2",
      "expect 00",
      "refund 99.00",
      "expect 13",
      "authorise 10.00",
      "complete 9.50",
      "expect 00",
      "authorise 5.00",
      "cancel",
      "expect 00",
      "cancel",
      "expect refused",
      "transfer 5.00 3",
      "expect 00",
      "void",
      "expect 00",
      "query 2",
      "expect 00",
      "query last",
      "reprint",
      "reprint 2",
      "expect 00",
      "sell 9999",
      "expect 55",
      "last",
      "close",
      "expect 00",
    )
    expect([day.code, day.stdout, day.stderr.replace(/^Made.*\n/, "")]).toEqual([0, day.stdout, ""])
    expect(day.stdout).not.toContain(`${shop.bin}00000000`)
    const copies = receipts(day).filter((receipt) => receipt.includes("*** DUPLICATE ***"))
    expect(copies).toHaveLength(2)
    expect(copies[1].replace(/ +\*\*\* DUPLICATE \*\*\*\n/, "")).toBe(
      receipts(day)
        .find((receipt) => receipt.includes("EUR 12.50"))
        ?.replace(/\n$/, "\n"),
    )
    expect(receipts(day).at(-1)).toMatch(
      /CLOSE OF DAY +Batch 1\npurchase +2 +EUR 42\.50\ncompletion +1 +EUR 9\.50\nrefund +2 +EUR 3\.50\nrecharge +1 +EUR 20\.00\ntransfer +1 +EUR 5\.00\ndebitReversal +1 +EUR 5\.00\nDEBITS +3 +EUR 52\.00\nCREDITS +3 +EUR 23\.50\nTOTALS AGREE/,
    )
  })

  it("knows earlier days: the next till goes on with numbers, refunds and holds of the last", async () => {
    await play(880_021, "card 3", "sell 3.00", "authorise 2.00", "expect 00")
    const next = await play(
      880_021,
      "card 3",
      "refund 1.00 1",
      "expect 00",
      "complete 2.00",
      "expect 00",
      "void 2",
    )
    expect(next.code).toBe(0)
    expect(receipts(next).map((receipt) => /STAN (\d{6})/.exec(receipt)?.[1])).toEqual([
      "000003",
      "000004",
      "000005",
    ])
  })

  it("tells programs one object for each command", async () => {
    const { code, stdout } = await runHere([
      ...["pos", ...flags(880_022), "--url", server.url, "--yes", "--json", "--card", "3"],
      ...["--script", script("sell 1.25", "reprint", "last", "close")],
    ])
    const [sale, copy, last, close] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect([code, stdout.split("\n")]).toEqual([0, expect.objectContaining({ length: 5 })])
    expect(sale).toEqual({
      do: "purchase",
      kind: "purchase",
      card: expect.stringMatching(/^597088\*{6}\d{4}$/),
      amount: 125,
      response: "00",
      available: expect.any(Number),
      stan: 1,
      reference: expect.stringMatching(/^\d{19}$/),
      rrn: expect.stringMatching(/^\d{12}$/),
      auth: expect.stringMatching(/^\d{6}$/),
      duplicate: false,
    })
    expect(copy).toMatchObject({
      do: "reprint",
      rrn: sale.rrn,
      auth: sale.auth,
      duplicate: true,
      approved: 125,
    })
    expect(last.transactions[0]).toMatchObject({ kind: "purchase", amount: 125 })
    expect(close).toMatchObject({ do: "close", batch: 1, response: "00", debits: { count: 1, amount: 125 } })
  })

  it("keeps the card that it is told to keep", async () => {
    await play(880_023, "card 1")
    const product = shop.bin
    const number = `${product}0000000000`
    // A card of its own, so that the others stay good.
    const issued = await play(880_023, "card 1", "balance")
    expect(issued.code).toBe(0)
    const stolen = await run([
      "card",
      "stolen",
      number,
      "--reason",
      "a test",
      "--url",
      server.url,
      "--data",
      server.data,
    ])
    expect(stolen.code).toBe(0)
    const kept = await play(880_023, "card 1", "sell 1.00", "expect 43")
    expect(receipts(kept)[0]).toMatch(
      /DECLINED 43\nCard reported stolen: retain it\n +\*{3} RETAIN CARD \*{3}\n/,
    )
  })
})

describe("a script", () => {
  it("ends with 1 where something else was expected, and says where", async () => {
    const { code, stderr } = await play(880_030, "card 3", "", "sell 1.00", "expect 51", "sell 2.00")
    expect([code, stderr.split("\n").at(-2)]).toEqual([1, "millrace: line 4: expected 51, and it was 00"])
    expect((await play(880_030, "expect 00")).stderr).toContain(
      "line 1: expected 00, and nothing was sent yet",
    )
  })

  it("with a line that is none ends with 2, and nothing of a PIN is repeated", async () => {
    const { code, stderr } = await play(880_030, "card 3", "pin 47x1")
    expect([code, stderr]).toEqual([2, "millrace: line 2: expected: pin DIGITS (for the next transaction)\n"])
  })

  it("goes on after a cashier's mistake", async () => {
    const lines = [
      "sell 1.00",
      "expect refused",
      "card 12",
      "card 3",
      "sell abc",
      "refund 1.00",
      "void 77",
      "query 77",
    ]
    const { code, stdout } = await play(
      880_031,
      ...lines,
      "query 7530216878208188427",
      "expect refused",
      "transfer 1 x",
      "balance",
    )
    expect(code).toBe(0)
    expect(stdout).toContain("no card yet: take one first\na card number has 8 to 19 digits\nCard 597088")
    expect(stdout).toContain("abc is no amount: type it as 12.50\n")
    expect(stdout).toContain(
      "nothing of this card's to refund here\nSTAN 77 is not known\nSTAN 77 is not known\nrefused: ",
    )
  })
})

describe("command line", () => {
  it.each([
    [["--terminal", "0", "--script", "x"], 2, /--terminal must be a number from 1 to 4294967295/],
    [["--patience", "0", "--script", "x"], 2, /--patience must be more than 0/],
    [["--script", "/nowhere/x"], 1, /there is no script \/nowhere\/x/],
    [[], 2, /a till needs a keyboard: run it in a terminal, or with --script FILE/],
  ])("%j is refused", async (args, code, says) => {
    const ended = await runHere(["pos", ...args])
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(says)
  })
})

describe("at the keyboard", () => {
  /** Presses the keys, all at once: they wait for their questions. */
  const press = async (terminal: number, keys: string) => {
    const input = new PassThrough()
    let shown = ""
    input.write(keys)
    const command = {
      url: server.url,
      data: server.data,
      credentials: undefined,
      terminal,
      card: undefined,
      script: undefined,
      yes: false,
      json: false,
      patience: 10,
    }
    const write = (text: string) => {
      shown += text
    }
    const exit = await Effect.runPromiseExit(Effect.scoped(till(command, { input, write })))
    expect(Exit.isSuccess(exit)).toBe(true)
    return shown
  }

  it("offers the shop, asks for what is missing, and for a PIN unseen when the product wants one", async () => {
    expect(await press(880_040, "n\r")).toMatch(/Make a small shop .*\[Y\/n\] n\n$/)
    const shown = await press(
      880_040,
      "\rc2\rr40\rs0\r30\r12\r1234\rf\r2\rp\rq\rlt3\r1\rv\ra4\rk\r3.50\rb?zx",
    )
    expect(shown).toContain("[s] sell")
    expect(shown).toContain(
      "Amount in EUR: 0\nType it as 12.50\nAmount in EUR: 30\nPIN: **\n4 to 12 digits, please\nPIN: ****\n",
    )
    expect(shown).toMatch(/PURCHASE +EUR 30\.00\nAPPROVED 00/)
    expect(shown).toMatch(/REFUND +EUR 2\.00\nAPPROVED 00/)
    expect(shown).toContain("*** DUPLICATE ***")
    expect(shown).toMatch(/TRANSFER +EUR 1\.00\nAPPROVED 00/)
    expect(shown).toMatch(/VOID\nAPPROVED 00/)
    expect(shown).toMatch(/COMPLETION +EUR 3\.50\nAPPROVED 00/)
    expect(shown).toMatch(/CLOSE OF DAY +Batch 1/)
    // As a word of its own: references are long numbers, and now and then one of them has these digits.
    expect(shown).not.toMatch(/(?<!\d)1234(?!\d)/)
    expect(shown).toMatch(/> leave\n$/)
  })

  it("a question can be given up, and the end of the keys is the end of the till", async () => {
    const shown = await press(880_041, "y\rs\u001bc\u001b\u0003")
    expect(shown).toMatch(/sell\nAmount in EUR: \n/)
    expect(shown).not.toContain("PURCHASE")
  })
})

/** A line to the server on which no answer to a sale comes back, as long as `deaf`. */
const deafLine = async (target: string) => {
  const { hostname, port } = new URL(target)
  const line = { url: "", deaf: true, sales: 0 }
  const listener = createServer((till) => {
    const server = connect(Number(port), hostname)
    let swallow = false
    till.on("data", (chunk: Buffer) => {
      if (line.deaf && chunk.includes("purchase")) {
        swallow = true
        line.sales++
      }
      server.write(chunk)
    })
    server.on("data", (chunk) => {
      if (!swallow) till.write(chunk)
    })
    for (const [one, other] of [[till, server] as const, [server, till] as const]) {
      one.on("error", () => {})
      one.on("close", () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  line.url = `tcp://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
  return { line, close: () => listener.close() }
}

describe("when no answer comes", () => {
  it.each([
    ["is left", 880_050],
    ["is killed", 880_051],
  ])("and the till %s: the next one turns the sale round, and sells on", async (end, terminal) => {
    const { line, close } = await deafLine(server.url)
    const pos = (patience: string, ...lines: ReadonlyArray<string>) => [
      ...["pos", ...flags(terminal), "--url", line.url, "--yes", "--card", "3"],
      ...["--patience", patience, "--script", script(...lines)],
    ]
    const pending = join(server.data, `pos-${terminal}.pending`)
    if (end === "is left") {
      const left = await runHere(
        pos("0.5", "recharge 5", "sell 1.00", "expect none", "sell 2", "expect none"),
      )
      expect(left.code).toBe(0)
      expect(left.stdout).toContain("NO ANSWER\nIt is turned round by itself:")
      expect(left.stdout).toContain("NO ANSWER\nNot sent: a reversal has to go first.")
      expect(left.stderr).toContain("1 transaction is without an answer")
    } else {
      const killed = new Running(pos("60", "recharge 5", "sell 1.00"))
      await killed.until(/RECHARGE/)
      while (line.sales === 0) await new Promise((resolve) => setTimeout(resolve, 10))
      await killed.signal("SIGKILL")
    }
    expect(readFileSync(pending).includes(shop.bin)).toBe(false)
    line.deaf = false
    const next = await runHere(pos("10", "sell 3.00", "expect 00", "last"))
    expect(next.code).toBe(0)
    expect(next.stdout).toMatch(/^STAN 000002 had no answer and was turned round: it counts for nothing\n/m)
    expect(next.stdout).toMatch(/PURCHASE +EUR 3\.00\nAPPROVED 00 /)
    expect(next.stdout).toMatch(/000002 PURCHASE +EUR 1\.00\n +00, turned round since\n/)
    expect(existsSync(pending)).toBe(false)
    close()
  })
})
