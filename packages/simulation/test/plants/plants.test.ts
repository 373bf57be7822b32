import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { plants } from "./plants.ts"

/** The seeds in which each must be found. */
const SEEDS = 200
const all = process.env["MILLRACE_PLANTS"] === "all"

const run = (plant: string): { readonly seed: number; readonly violation: string } | null => {
  const file = (name: string) => new URL(name, import.meta.url).pathname
  const args = ["--import", file("hook.ts"), file("find.ts"), "1", String(SEEDS)]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    env: { ...process.env, MILLRACE_PLANT: plant },
    encoding: "utf8",
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null")
}

it.each(plants.filter(({ quick }) => all || quick === true))(
  "the simulator finds $name",
  { timeout: 1_800_000 },
  ({ name }) => {
    const found = run(name)
    console.log(`${name}: seed ${found?.seed}: ${found?.violation.slice(0, 160)}`)
    expect(found).not.toBeNull()
  },
)

it.each(plants)("$name has one place", ({ file, find }) => {
  const source = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8")
  expect(source.split(find)).toHaveLength(2)
})

it("a plant that has lost its place is an error", { timeout: 600_000 }, () => {
  expect(() => run("no such plant")).toThrow("there is no plant")
})
