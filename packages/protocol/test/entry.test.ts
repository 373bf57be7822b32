// The main entry must load in Node, browsers and k6: what its sources import and name is looked at here.
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const source = (file: string) => readFileSync(new URL(`../src/${file}`, import.meta.url), "utf8")
const imports = (file: string) => [...source(file).matchAll(/from "([^"]+)"/g)].map(([, name]) => name)

/** Everything that the main entry reaches in this package, and the packages beside it. */
const reach = (file: string, files = new Set<string>(), packages = new Set<string>()) => {
  if (files.has(file)) return { files, packages }
  files.add(file)
  for (const name of imports(file)) {
    if (name.startsWith("./")) reach(name.slice(2), files, packages)
    else packages.add(name)
  }
  return { files, packages }
}

describe("the main entry", () => {
  const { files, packages } = reach("index.ts")

  it("reaches every source but the schemas", () => {
    const all = readdirSync(new URL("../src/", import.meta.url))
    expect([...files].sort()).toEqual(all.filter((file) => !file.startsWith("messages")).sort())
  })

  it("imports msgpackr and nothing else", () => {
    expect([...packages]).toEqual(["msgpackr"])
  })

  it("names nothing that only Node or only browsers have", () => {
    for (const file of files) {
      // Comments may speak of Buffer.
      const code = source(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
      expect(code, file).not.toMatch(/\b(Buffer|process|require|TextEncoder|TextDecoder|setTimeout|crypto)\b/)
    }
  })
})
