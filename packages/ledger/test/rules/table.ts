// The table kind × card status × rule → response code, as Markdown made from the code's own data.
import { Kind, type KindName, kindNames, responseDigits } from "@millrace/protocol"
import { ruleTable } from "../../src/kinds/ruleTable.ts"
import { statusResponse } from "../../src/kinds/table.ts"
import { statusNames } from "../../src/model/statusTable.ts"

export const BEGIN = "<!-- rules:begin -->"
export const END = "<!-- rules:end -->"

/** All that are about a card. */
export const cardKinds: ReadonlyArray<KindName> = kindNames.filter((kind) => kind !== "close")

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n")

const statusRows = cardKinds.map((kind) => [
  kind,
  ...statusNames.map((_, status) => {
    const code = statusResponse(Kind[kind], status)
    return code === 0 ? "" : responseDigits(code)
  }),
])

const ruleRows = ruleTable.map(({ rule, says, codes }) => [
  rule,
  says,
  ...kindNames.map((kind) => {
    const code = codes[kind]
    return code === undefined ? "" : responseDigits(code)
  }),
])

/** An empty cell lets the kind through, or does not know the rule. */
export const renderTables = (): string =>
  [
    "By the card's status, which is looked at after `currency`:",
    table(["kind", ...statusNames], statusRows),
    "By the rule that is broken first, in the order in which they are looked at:",
    table(["rule", "what is broken", ...kindNames], ruleRows),
  ].join("\n\n")
