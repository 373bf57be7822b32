import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { townFile } from "../src/demo/Town.ts"
import { runHere } from "./here.ts"
import { cleanUp, type Server, serve, temporaryDirectory } from "./program.ts"

// One server with one scheme for all of these, on cards of their own.
let server: Server
let directory: string
let cards: ReadonlyArray<readonly [number: string, checkValue: string]>

const client = (...args: ReadonlyArray<string>) =>
  runHere([...args, "--url", server.url, "--data", server.data])

const scheme = (count: number, more = "") => `
calendar: { utcOffsetMinutes: 60 }
products:
  - number: 7
    name: Card
    currency: 978
    bin: 597070
    named: true
    deposit: 300
    purses: [{ purse: category1, name: Meals, categories: [[5812, 5814]] }]
merchants:
  - number: 7
    name: Seven
    currency: 978
    mcc: 5814
    float:
      - { amount: 1000, reference: 1 }
      - { amount: 2000, reference: 2 }
    code: 471147
terminals:
  - { first: 700, count: 3, merchant: 7, amountMax: 9000, message: Keep it, parameters: { language: en } }
cards:
  - { product: 7, count: ${count}, active: true, out: cards.csv }
${more}
funds:
  - { product: 7, count: ${count}, amount: 2000, reference: 1 }
  - { product: 7, count: ${count}, purse: category1, amount: 500, reference: 2, expires: 2099-12-31 }
`

const rowsOf = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((row) => row.split(",") as [string, string])

beforeAll(async () => {
  directory = temporaryDirectory()
  server = await serve(temporaryDirectory())
  writeFileSync(join(directory, "scheme.yaml"), scheme(1_200))
  const made = await client("provision", join(directory, "scheme.yaml"))
  expect(made).toMatchObject({ code: 0, stderr: "" })
  cards = rowsOf(join(directory, "cards.csv"))
})
afterAll(cleanUp)

describe("provision", () => {
  it("issues cards with the Luhn digit, and their check values to a file for nobody else", () => {
    expect(cards).toHaveLength(1_200)
    expect(new Set(cards.map(([number]) => number)).size).toBe(1_200)
    expect(statSync(join(directory, "cards.csv")).mode & 0o777).toBe(0o600)
    for (const [number, checkValue] of cards) {
      expect(number).toMatch(/^597070\d{10}$/)
      expect(checkValue).toMatch(/^\d{6}$/)
      const sum = [...number].reverse().reduce((total, digit, index) => {
        const doubled = Number(digit) * (1 + (index % 2))
        return total + (doubled > 9 ? doubled - 9 : doubled)
      }, 0)
      expect(sum % 10).toBe(0)
    }
  })

  it("sent again makes and pays nothing twice; what is added is made", async () => {
    const file = join(directory, "scheme.yaml")
    const again = await client("provision", file)
    expect(again).toMatchObject({ code: 0, stderr: "" })
    expect(again.stdout.split("\n")).toEqual(
      expect.arrayContaining([
        "product 7 Card: there already, now as in the file",
        "float of merchant 7, reference 1: paid before, if it was in the file when reference 2 was paid",
        "float of merchant 7, reference 2: paid before",
        "cards of product 7, serials 0–1199: 0 issued, 1,200 there already; cards.csv left as it is",
        "1,200 cards, category1, reference 2: each paid before",
      ]),
    )
    const more = join(directory, "more.yaml")
    writeFileSync(more, scheme(1_200, "  - { product: 7, count: 3, active: true, out: more.csv }"))
    const added = await client("provision", more)
    expect(added.stdout).toContain(
      "cards of product 7, serials 1200–1202: 3 issued; numbers and check values in more.csv\n",
    )
    expect(rowsOf(join(directory, "more.csv"))).toHaveLength(3)
    // The numbers can be had once more, by the same file and another place for it.
    writeFileSync(more, scheme(1_200).replace("cards.csv", "again.csv"))
    expect((await client("provision", more)).code).toBe(0)
    expect(rowsOf(join(directory, "again.csv"))).toEqual(cards)
  })

  const provisioned = async (text: string) => {
    const file = join(directory, "one.yaml")
    writeFileSync(file, text)
    const ended = await client("provision", file)
    return { ...ended, stderr: ended.stderr.replaceAll(`${directory}/`, "") }
  }

  it("finds what the server has to say before anything is made", async () => {
    const { code, stdout, stderr } = await provisioned(
      `merchants: [{ number: 8, name: Eight, currency: 978 }]
products: [{ number: 7, name: Card, currency: 963, bin: 597070, named: true }]
terminals: [{ first: 800, merchant: 9 }]
cards: [{ product: 77, count: 1 }]
funds: [{ card: 4000000000000002, amount: 1, reference: 1 }, { product: 7, serial: 999999, amount: 1, reference: 1 }]
`,
    )
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr.trimEnd().split("\n")).toEqual([
      "millrace: one.yaml:2:47: products[0].currency: product 7 keeps its currency: 978",
      "millrace: one.yaml:3:37: terminals[0].merchant: there is no merchant 9, here or on the server",
      "millrace: one.yaml:4:20: cards[0].product: there is no product 77, here or on the server",
      "millrace: one.yaml:5:17: funds[0].card: there is no card 400000******0002, here or on the server",
      expect.stringMatching(
        /^millrace: one\.yaml:5:73: funds\[1\]\.product: product 7 has serials below \d+ only/,
      ),
    ])
    expect((await provisioned("terminals: [{ first: 800, merchant: 8 }]")).stderr).toContain("no merchant 8")
  })

  it("names the place of what the server refuses", async () => {
    const refused = async (text: string) => (await provisioned(text)).stderr
    expect(
      await refused(
        "merchants: [{ number: 9, name: Nine, currency: 978 }]\nterminals: [{ first: 701, merchant: 9 }]",
      ),
    ).toBe("millrace: one.yaml:2:13: terminals[0]: terminal 701 belongs to merchant 7 (conflict)\n")
    expect(await refused("products: [{ number: 78, name: Other, currency: 978, bin: 59707 }]")).toMatch(
      /^millrace: one\.yaml:1:12: products\[0\]: numbers of 16 digits .* are product 7's \(conflict\)\n$/,
    )
    expect(await refused("funds: [{ product: 7, amount: 1999, reference: 2 }]")).toMatch(
      /^millrace: one\.yaml:1:9: funds\[0\]: .* reference 2 was used for another payment \(conflict\)\n$/,
    )
  })

  it("finds a directory that is not there before anything is made", async () => {
    const { code, stdout, stderr } = await provisioned(
      "merchants: [{ number: 10, name: Ten, currency: 978 }]\ncards: [{ product: 7, count: 1, out: no/cards.csv }]",
    )
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toMatch(
      /^millrace: one\.yaml:2:38: cards\[0\]\.out: there is no directory .*no: make it first\n$/,
    )
  })

  it("says of a payment that is not made that nothing is paid", async () => {
    const { code, stdout } = await provisioned("funds: [{ product: 7, count: 2, amount: 777, reference: 1 }]")
    expect(code).toBe(0)
    expect(stdout).toBe(
      "2 cards, main, reference 1: each not paid: its reference 1 is before the last one, 2\n",
    )
  })

  it("writes no numbers over others", async () => {
    const file = join(directory, "over.yaml")
    writeFileSync(file, scheme(2_000))
    const { code, stderr } = await client("provision", file)
    expect(code).toBe(1)
    expect(stderr).toMatch(/cards\.csv is there already, and \d+ cards of product 7 are still to be issued/)
  })

  it("prints its JSON Schema without a server, and says when there is no file to read", async () => {
    const schema = await runHere(["provision", "--schema"])
    const nothing = await runHere(["provision"])
    const nowhere = await runHere(["provision", "nowhere.yaml"])
    expect(JSON.parse(schema.stdout)).toMatchObject({ title: "Millrace scheme" })
    expect(nothing).toMatchObject({
      code: 2,
      stderr: "millrace: FILE is missing: name a scheme in YAML or JSON\n",
    })
    expect(nowhere).toMatchObject({ code: 1, stderr: "millrace: there is no file nowhere.yaml\n" })
  })

  it("makes the demo's town on a server, twice", async () => {
    const first = await client("provision", townFile)
    expect(first).toMatchObject({ code: 0 })
    const again = await client("provision", townFile)
    expect(again).toMatchObject({ code: 0 })
    expect(again.stdout).not.toMatch(/: created|[1-9]\d* (created|issued|paid),/)
  })
})

describe("card", () => {
  const json = async (...args: ReadonlyArray<string>) => {
    const { code, stdout, stderr } = await client(...args, "--json")
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).not.toMatch(/597070\d{10}/)
    return stdout
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  }

  it("shows what a card is like", async () => {
    const [number] = cards[0]
    const { code, stdout } = await client("card", "show", number)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^card +597070\*{6}\d{4}, active, named\nkind +product 7, currency 978\n/)
    expect(stdout).toMatch(/\npurses +main 2,000, category1 500\n/)
    expect(await json("card", "show", number)).toMatchObject([
      { status: "active", balance: 2_000, purses: { category1: 500 }, deposit: 300, pinSet: false },
    ])
    expect(await json("card", "history", number)).toEqual([])
    const none = await client("card", "history", number)
    expect([none.code, none.stdout]).toEqual([0, ""])
    expect(none.stderr).toMatch(/^card 597070\*{6}\d{4} has no transactions yet\n$/)
  })

  const typed = async (line: string, ...args: ReadonlyArray<string>) => {
    const input = new PassThrough()
    const stdin = vi.spyOn(process, "stdin", "get").mockReturnValue(input as never)
    input.end(line)
    try {
      return await client(...args)
    } finally {
      stdin.mockRestore()
    }
  }

  it("gets a PIN from a line of stdin, and a merchant its code", async () => {
    const [number] = cards[4]
    const set = await typed("2468\n", "card", "pin", number, "--stdin")
    expect(set).toMatchObject({ code: 0, stderr: "" })
    expect(set.stdout).toMatch(/^card 597070\*{6}\d{4} has a new PIN/)
    expect(await json("card", "show", number)).toMatchObject([{ pinSet: true }])
    const wrong = await typed("24x8\n", "card", "pin", number, "--stdin")
    expect(wrong).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "millrace: a PIN has 4 to 12 digits: nothing was changed\n",
    })
    expect(await typed("", "card", "pin", number)).toMatchObject({ code: 2, stdout: "" })
    expect(await typed("2468\n", "code", "7", "--stdin")).toMatchObject({
      code: 0,
      stdout: "merchant 7 has a new authorisation code; wrong tries are forgotten\n",
    })
    expect((await typed("2468\n", "code", "4711", "--stdin")).stderr).toMatch(
      /^millrace: refused: merchant 4711 is not known/,
    )
  })

  it("is locked and unlocked with a reason, once", async () => {
    const [number] = cards[1]
    const reason = ["--reason", "found in the shop"]
    const locked = await client("card", "lock", number, ...reason)
    expect(locked.stdout).toMatch(/^card 597070\*{6}\d{4} is locked\n$/)
    const again = await client("card", "lock", number, ...reason)
    expect(again.stdout).toMatch(/ is locked, and was before: nothing changed\n$/)
    expect(await json("card", "unlock", number, ...reason)).toMatchObject([
      { action: "unlock", changed: true },
    ])
    expect(await json("card", "show", number)).toMatchObject([{ status: "active" }])
  })

  it("is lost and replaced; the new number goes to a file alone", async () => {
    const [number] = cards[2]
    const out = join(directory, "new.csv")
    const reason = ["--reason", "on the bus"]
    expect((await client("card", "lost", number, ...reason)).code).toBe(0)
    const replaced = await client("card", "replace", number, ...reason, "--out", out)
    expect(replaced.stdout).toMatch(
      /^card 597070\*{6}\d{4} is replaced by 597070\*{6}\d{4}; its number is in \S+new\.csv\n$/,
    )
    expect(statSync(out).mode & 0o777).toBe(0o600)
    const [[fresh, checkValue]] = rowsOf(out)
    expect(checkValue).toMatch(/^\d{6}$/)
    expect(await json("card", "show", fresh)).toMatchObject([{ status: "active", balance: 2_000 }])
    expect(await json("card", "show", number)).toMatchObject([{ status: "lost", balance: 0 }])
    const over = await client("card", "replace", number, ...reason, "--out", out)
    expect(over.stderr).toMatch(/new\.csv is there already: numbers are never written over/)
    const again = join(directory, "new-again.csv")
    const second = await client("card", "replace", number, ...reason, "--out", again)
    expect(second.stdout).toMatch(
      /was replaced by 597070\*{6}\d{4} before: nothing changed; its number is in \S+new-again\.csv\n$/,
    )
    expect(rowsOf(again)).toEqual(rowsOf(out))
  })

  it("says what is wrong in one line, without the number", async () => {
    const [number] = cards[3]
    const cancelled = await client("card", "cancel", number, "--reason", "r")
    const unknown = await client("card", "show", "4000000000000002")
    const badly = await client("card", "show", "12x")
    const noReason = await client("card", "lock", number)
    expect(cancelled).toMatchObject({ code: 1, stdout: "" })
    expect(cancelled.stderr).toMatch(/^millrace: refused: card 597070\*{6}\d{4} is active: .*\(conflict\)\n$/)
    expect(unknown).toMatchObject({ code: 1, stdout: "" })
    expect(unknown.stderr).toMatch(/^millrace: refused: .*\(not-found\)\n$/)
    expect(badly).toMatchObject({
      code: 2,
      stderr: "millrace: NUMBER must be a card number of up to 19 digits\n",
    })
    expect(noReason.code).toBe(2)
    for (const { stderr } of [cancelled, unknown, badly, noReason]) {
      expect(stderr).not.toMatch(/\d{16}/)
      expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2)
    }
  })
})

describe("totals and query", () => {
  it("tell what a terminal did, and what became of a transaction", async () => {
    const load = await client(
      "load",
      "--cards",
      "50",
      "--connections",
      "1",
      "--duration",
      "0.3",
      "--json",
      "--mix",
      "purchase=1,transfer=1,preauthorisation=1,recharge=1",
    )
    expect(load.code).toBe(0)
    // Fifty cards are soon empty; nothing else is wrong with any of these.
    expect(["", "51"]).toContain(Object.keys(JSON.parse(load.stdout).declined).join())
    const found = await client("totals", "990000001", "--json")
    const { rows, debits } = JSON.parse(found.stdout)
    for (const row of ["purchase", "transfer", "recharge"]) expect(rows[row].count).toBeGreaterThan(0)
    expect(debits.count).toBe(rows.purchase.count + rows.transfer.count)
    // Fifty cards and some hundred transactions: the first card has had more than one.
    const more = await client("card", "history", "5990000000000000", "--count", "1")
    expect(more.stdout.trimEnd().split("\n")).toHaveLength(1)
    expect(more.stderr).toBe("there are more: --count shows up to 50\n")
    const table = await client("totals", "990000001")
    expect(table.stdout).toMatch(/^terminal 990000001 +batch 1\npurchase /)
    const unknown = await client("query", "990000001", "1")
    expect(unknown).toMatchObject({ code: 1, stdout: "" })
    expect(unknown.stderr).toMatch(/\(not-found\)\n$/)
    expect(await client("query", "990000001", "x")).toMatchObject({ code: 2 })
  })
})

it("nothing of a scheme lies beside its file but what it asked for", () => {
  expect(existsSync(join(directory, "cards.csv"))).toBe(true)
  expect(existsSync("cards.csv")).toBe(false)
})
