// Every cell of the table kind × card status × rule → response code, and that the README has that table.
import { readFileSync, writeFileSync } from "node:fs"
import { Kind, type KindName, kindNames } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { ruleTable } from "../../src/kinds/ruleTable.ts"
import { statusResponse } from "../../src/kinds/table.ts"
import { statusNames, statusTable } from "../../src/model/statusTable.ts"
import { scenarios } from "./scenarios.ts"
import { Stage } from "./stage.ts"
import { caseOfStatus } from "./statuses.ts"
import { BEGIN, cardKinds, END, renderTables } from "./table.ts"

const readme = new URL("../../README.md", import.meta.url)

describe("nothing broken", () => {
  for (const kind of kindNames) {
    it(`${kind}: 0`, () => {
      const stage = new Stage()
      expect(stage.real.send(stage.prepare(kind)).response).toBe(0)
    })
  }
})

describe("by status", () => {
  for (const kind of cardKinds) {
    for (const [status, name] of statusNames.entries()) {
      const code = statusResponse(Kind[kind], status)
      it(`${kind} of a card that is ${name}: ${code}`, () => {
        expect(code).toBe(statusTable[kind]?.[name])
        const { stage, request, otherwise } = caseOfStatus(kind, name)
        expect(stage.real.send(request).response).toBe(code === 0 ? otherwise : code)
      })
    }
  }
})

describe("by rule", () => {
  for (const { rule, codes } of ruleTable) {
    // The keys of codes are kind names.
    for (const [kind, code] of Object.entries(codes) as ReadonlyArray<[KindName, number]>) {
      it(`${kind}, ${rule}: ${code}`, () => {
        const cases = scenarios[rule](kind)
        expect(cases.length).toBeGreaterThan(0)
        for (const { stage, request } of cases) expect(stage.real.send(request).response).toBe(code)
      })
    }
  }

  it("has a scenario for each", () => {
    expect(Object.keys(scenarios).sort()).toEqual(ruleTable.map(({ rule }) => rule).sort())
  })
})

describe("the README", () => {
  it("has the table; UPDATE_TABLES=1 writes it", () => {
    const text = readFileSync(readme, "utf8")
    const begin = text.indexOf(BEGIN)
    const end = text.indexOf(END)
    expect(begin, BEGIN).toBeGreaterThan(0)
    expect(end, END).toBeGreaterThan(begin)
    const written = `${text.slice(0, begin)}${BEGIN}\n\n${renderTables()}\n\n${text.slice(end)}`
    if (process.env["UPDATE_TABLES"] === "1") writeFileSync(readme, written)
    else expect(text).toBe(written)
  })
})
