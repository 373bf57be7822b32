// The security page says what holds each of its rows; what it names is there.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const page = readFileSync(join(root, "ops/SECURITY.md"), "utf8")

const rooms = readdirSync(join(root, "packages"))
  .map((name) => `packages/${name}`)
  .filter((room) => existsSync(join(root, room, "test")))
  .map((room) => `${room}/test`)
const testFiles = ["test", ...rooms].flatMap((at) =>
  readdirSync(join(root, at), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(at, file)),
)
const scripts: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const faults = ["signals", "storage", "resources"].map((name) =>
  readFileSync(join(root, `test/src/faults/${name}.ts`), "utf8"),
)

const named = [...page.matchAll(/`([\w/]*\w+\.test\.ts)`/g)].map(([, file]) => file)
const rows = page.split("\n").filter((line) => /^\|.*`[\w/]+\.test\.ts`/.test(line))

const find = (file: string): ReadonlyArray<string> =>
  testFiles.filter((path) => `/${path}`.endsWith(`/${file.replace(/^(\w+)\/test\//, "packages/$1/test/")}`))

it("every file of tests that it names is there, once", () => {
  expect(named.length).toBeGreaterThan(20)
  for (const file of named) expect(find(file), file).toHaveLength(1)
})

it("every test that it quotes is in one of the row's files", () => {
  expect(rows.length).toBeGreaterThan(20)
  for (const row of rows) {
    const files = [...row.matchAll(/`([\w/]*\w+\.test\.ts)`/g)].flatMap(([, file]) => find(file))
    const text = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n")
    for (const [, quoted] of row.matchAll(/\*([^*]+)\*/g)) {
      expect(text, `${row}\nquotes "${quoted}"`).toContain(quoted.replace(/…$/, "").trim())
    }
  }
})

it("every command and fault that it names is there", () => {
  for (const [, script] of page.matchAll(/`npm run ([\w:]+)`/g)) {
    expect(scripts).toHaveProperty(["scripts", script])
  }
  for (const [, list] of page.matchAll(/`npm run faults` \(([^)]+)\)/g)) {
    for (const [, name] of list.matchAll(/`([\w-]+)`/g)) {
      expect(
        faults.some((text) => text.includes(`name: "${name}"`)),
        name,
      ).toBe(true)
    }
  }
})
