// The rules of `npm run audit:deps`: each of them finds what it is for.
import { expect, it } from "vitest"
import {
  installedFaults,
  isGrave,
  knownHoles,
  type Locked,
  lockFaults,
  manifestFaults,
} from "./src/audit/Rules.ts"

const digest = `sha512-${"A".repeat(86)}==`
const sound: Locked = { version: "1.2.3", integrity: digest, license: "MIT" }
const faultsOf = (entry: Locked, scripts: ReadonlyArray<string> = []) =>
  lockFaults(
    { "node_modules/a": entry, "packages/cli": {}, "node_modules/@millrace/cli": { link: true } },
    new Set(scripts),
  )

it("a locked package has a version, a digest, a known licence, the registry as its source, and no script", () => {
  expect(faultsOf(sound)).toEqual([])
  expect(faultsOf({ ...sound, integrity: "sha1-abc" })).toHaveLength(1)
  expect(faultsOf({ version: "1.2.3", license: "MIT" })).toHaveLength(1)
  expect(faultsOf({ version: "1.2.3", license: "MIT", optional: true, os: ["darwin"] })).toEqual([])
  expect(faultsOf({ ...sound, license: "GPL-3.0" })).toHaveLength(1)
  expect(faultsOf({ ...sound, license: "MPL-2.0" })).toHaveLength(1)
  expect(faultsOf({ ...sound, license: "MPL-2.0", dev: true })).toEqual([])
  expect(faultsOf({ ...sound, resolved: "git+ssh://git@example.com/a.git" })).toHaveLength(1)
  expect(faultsOf({ ...sound, hasInstallScript: true })).toHaveLength(1)
  expect(faultsOf({ ...sound, hasInstallScript: true }, ["a"])).toEqual([])
})

it("a dependency is of one exact version and has its reason written down", () => {
  const of = (version: string, page: string) =>
    manifestFaults({ at: "", dependencies: { a: version }, devDependencies: {}, page })
  for (const version of ["1.2.3", "4.0.0-beta.1", "npm:other@1.2.3"])
    expect(of(version, "- `a`: because")).toEqual([])
  for (const version of ["^1.2.3", "~1.2.3", "1.x", "*", "latest", "github:a/b", "file:../a"]) {
    expect(of(version, "- `a`: because"), version).toHaveLength(1)
  }
  expect(of("1.2.3", "- `b`: because")).toHaveLength(1)
})

it("what is installed is what is locked", () => {
  expect(installedFaults({ "node_modules/a": sound }, () => "1.2.3")).toEqual([])
  expect(installedFaults({ "node_modules/a": sound }, () => undefined)).toEqual([])
  expect(installedFaults({ "node_modules/a": sound }, () => "1.2.4")).toHaveLength(1)
})

it("known holes are told; high and critical ones fail; no answer is no answer", () => {
  const report = { vulnerabilities: { a: { severity: "high" }, b: { severity: "low" } } }
  expect(knownHoles(report)?.map(isGrave)).toEqual([true, false])
  expect(knownHoles({ vulnerabilities: {} })).toEqual([])
  for (const nothing of [undefined, {}, { statusCode: 405, error: { summary: "" } }]) {
    expect(knownHoles(nothing)).toBeUndefined()
  }
})
