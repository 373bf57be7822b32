// `npm run audit:deps`: everything that comes from a registry is exact, digested, licensed, wanted and without known holes.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  installedFaults,
  isGrave,
  knownHoles,
  type Lock,
  lockFaults,
  type Manifest,
  manifestFaults,
  withoutDigest,
} from "./audit/Rules.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const auditMsMax = 60_000

const readJson = (file: string): { readonly [key: string]: unknown } => {
  const value: unknown = JSON.parse(readFileSync(join(root, file), "utf8"))
  if (typeof value !== "object" || value === null) throw new Error(`${file} is no JSON object`)
  return Object.fromEntries(Object.entries(value))
}

const textOf = (file: string): string =>
  existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : ""

const stringsOf = (value: unknown): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(value ?? {}).map(([name, version]) => [name, String(version)]))

/** The tools of the whole have their reasons on the security page, a package's own dependencies in its README. */
const manifests: ReadonlyArray<Manifest> = [
  "",
  "bench",
  "test",
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}`),
]
  .filter((at) => existsSync(join(root, at, "package.json")))
  .map((at) => {
    const manifest = readJson(join(at, "package.json"))
    return {
      at,
      dependencies: stringsOf(manifest["dependencies"]),
      devDependencies: stringsOf(manifest["devDependencies"]),
      page: textOf(join(at, "README.md")) + textOf("ops/SECURITY.md"),
    }
  })

// npm's own file: what is looked at is optional, and a wrong type is a fault below.
const lock = readJson("package-lock.json")["packages"] as Lock
const scripts = new Set(Object.keys(stringsOf(readJson("package.json")["allowScripts"])))

const installed = (path: string): string | undefined => {
  const file = join(path, "package.json")
  return existsSync(join(root, file)) ? String(readJson(file)["version"]) : undefined
}

/** What npm says when it is asked; it is not asked where the registry can't be reached. */
const auditReport = (): unknown => {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
    cwd: root,
    encoding: "utf8",
    timeout: auditMsMax,
  })
  try {
    return JSON.parse(stdout)
  } catch {
    return undefined
  }
}

const faults = [
  ...manifests.flatMap(manifestFaults),
  ...lockFaults(lock, scripts),
  ...installedFaults(lock, installed),
]
const holes = knownHoles(auditReport())
if (holes === undefined) {
  console.log("WARNING: the registry gave no answer to npm audit: known holes were NOT looked for")
}
for (const hole of holes ?? []) {
  const { name, severity } = hole
  if (isGrave(hole)) faults.push(`${name}: a known hole, ${severity}: npm audit has the particulars`)
  else console.log(`WARNING: ${name}: a known hole, ${severity}`)
}
for (const fault of faults) console.log(fault)
const packages = Object.keys(lock).filter((path) => path.includes("node_modules/")).length
console.log(
  `${packages} packages, ${withoutDigest(lock)} for other systems only without a digest, ` +
    `${holes === undefined ? "known holes not looked for" : `${holes.length} known holes`}, ${faults.length} faults`,
)
process.exit(faults.length === 0 ? 0 : 1)
