import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
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
        "float of merchant 7: 1,000 under 1: passed over, a payment with a later reference was made",
        "float of merchant 7: 2,000 under 2: paid before",
        "cards of product 7, serials 0–1199: 0 issued, 1,200 there already; cards.csv left as it is",
        "1,200 cards, category1: 500 under 2: 1,200 paid before",
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
      /^card 597070\*{6}\d{4} is replaced by 597070\*{6}\d{4}, whose number is in /,
    )
    expect(statSync(out).mode & 0o777).toBe(0o600)
    const [[fresh, checkValue]] = rowsOf(out)
    expect(checkValue).toMatch(/^\d{6}$/)
    expect(await json("card", "show", fresh)).toMatchObject([{ status: "active", balance: 2_000 }])
    expect(await json("card", "show", number)).toMatchObject([{ status: "lost", balance: 0 }])
    const over = await client("card", "replace", number, ...reason, "--out", out)
    expect(over.stderr).toMatch(/new\.csv is there already: numbers are never written over/)
  })

  it("says what is wrong in one line, without the number", async () => {
    const [number] = cards[3]
    const cancelled = await client("card", "cancel", number, "--reason", "r")
    const unknown = await client("card", "show", "4000000000000002")
    const badly = await client("card", "show", "12x")
    const noReason = await client("card", "lock", number)
    expect(cancelled).toMatchObject({ code: 1, stdout: "" })
    expect(cancelled.stderr).toMatch(
      /^millrace: lifecycle was refused: card 597070\*{6}\d{4} is active: .*\(conflict\)\n$/,
    )
    expect(unknown).toMatchObject({ code: 1, stdout: "" })
    expect(unknown.stderr).toMatch(/^millrace: card was refused: .*\(not-found\)\n$/)
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
