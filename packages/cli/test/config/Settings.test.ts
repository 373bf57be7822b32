import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { leavesOf } from "../../src/config/Leaves.ts"
import { defaultSettings, Settings } from "../../src/config/Settings.ts"

const page = readFileSync(new URL("../../../../ops/README.md", import.meta.url), "utf8")

const defaultOf = (path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    // A group of settings; its members are looked up by the schema's own names.
    (group, name) => (group as { readonly [name: string]: unknown })[name],
    defaultSettings,
  )

/** Long numbers are grouped where people read them. */
const plain = (text: string): string => text.replaceAll(",", "")

it("the operator's page lists every setting with its variable, default, what is allowed, and meaning", () => {
  const rows = page
    .split("\n")
    .filter((line) => line.includes("| `MILLRACE_"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, key, variable, byDefault, allowed, meaning]) => [
      key,
      variable,
      plain(byDefault),
      plain(allowed),
      meaning,
    ])
  expect(rows).toEqual(
    leavesOf(Settings).map(({ key, variable, path, expected, description }) => [
      key,
      variable,
      String(defaultOf(path) ?? "–"),
      plain(expected),
      description,
    ]),
  )
})
