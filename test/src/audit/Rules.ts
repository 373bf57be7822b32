// What must be true of everything that comes from a registry. Pure: manifests and lock file in, complaints out.

export interface Manifest {
  /** Where it lies, from the root: "" or "packages/cli". */
  readonly at: string
  readonly dependencies: { readonly [name: string]: string }
  readonly devDependencies: { readonly [name: string]: string }
  /** The page that gives the reason for each of them. */
  readonly page: string
}

/** An entry of package-lock.json, as far as it is looked at. */
export interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly libc?: ReadonlyArray<string>
}

export type Lock = { readonly [path: string]: Locked }

const exact = /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/

const licences = new Set([
  "MIT",
  "Apache-2.0",
  "ISC",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "MIT OR Apache-2.0",
])
/** Of tools that are not part of what runs in production. */
const licencesOfTools = new Set([...licences, "MPL-2.0", "Python-2.0", "CC0-1.0", "BlueOak-1.0.0"])

/** Versions are exact, and every one has a reason. */
export const manifestFaults = ({
  at,
  dependencies,
  devDependencies,
  page,
}: Manifest): ReadonlyArray<string> =>
  Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) => {
    const faults: Array<string> = []
    const where = at === "" ? "package.json" : `${at}/package.json`
    if (!exact.test(version)) faults.push(`${where}: ${name} is "${version}": give one exact version`)
    if (!name.startsWith("@millrace/") && !page.includes(`\`${name}\``)) {
      faults.push(`${where}: ${name} has no reason: write it down under Dependencies`)
    }
    return faults
  })

const isForeign = (path: string, { link }: Locked): boolean => path.includes("node_modules/") && link !== true

/** A package for another system is fetched by nobody here, so its digest could not be had. */
const isForAnotherSystem = ({ optional, os, cpu, libc }: Locked): boolean =>
  optional === true && (os ?? cpu ?? libc) !== undefined

/** `scripts`: packages that may run one when they are installed. */
export const lockFaults = (lock: Lock, scripts: ReadonlySet<string>): ReadonlyArray<string> =>
  Object.entries(lock).flatMap(([path, entry]) => {
    if (!isForeign(path, entry)) return []
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)
    const faults: Array<string> = []
    const { version, resolved, integrity, license, dev, hasInstallScript } = entry
    if (version === undefined) faults.push(`${path}: no version`)
    if (resolved !== undefined && !resolved.startsWith("https://registry.npmjs.org/")) {
      faults.push(`${path}: comes from ${resolved}, not from the registry`)
    }
    if (integrity === undefined ? !isForAnotherSystem(entry) : !/^sha512-[\w+/]{86}==$/.test(integrity)) {
      faults.push(`${path}: no sha512 digest`)
    }
    if (hasInstallScript === true && !scripts.has(name))
      faults.push(`${path}: runs a script when it is installed`)
    if (!(dev === true ? licencesOfTools : licences).has(license ?? "")) {
      faults.push(`${path}: licence ${license ?? "unknown"} is not on the list`)
    }
    return faults
  })

export const withoutDigest = (lock: Lock): number =>
  Object.entries(lock).filter(([path, entry]) => isForeign(path, entry) && entry.integrity === undefined)
    .length

/** What is installed is what is locked. `installed` gives a package's version, or undefined where it is not there. */
export const installedFaults = (
  lock: Lock,
  installed: (path: string) => string | undefined,
): ReadonlyArray<string> =>
  Object.entries(lock).flatMap(([path, entry]) => {
    if (!isForeign(path, entry)) return []
    const found = installed(path)
    if (found === undefined || found === entry.version) return []
    return [`${path}: version ${found} is installed, ${entry.version} is locked: npm ci`]
  })

/** Vulnerabilities that `npm audit --json` tells of; undefined when it tells nothing, as where there is no such service. */
export const knownHoles = (
  report: unknown,
): ReadonlyArray<{ name: string; severity: string }> | undefined => {
  if (typeof report !== "object" || report === null || !("vulnerabilities" in report)) return undefined
  const { vulnerabilities } = report
  if (typeof vulnerabilities !== "object" || vulnerabilities === null) return undefined
  return Object.entries(vulnerabilities).map(([name, hole]: [string, unknown]) => {
    const severity =
      typeof hole === "object" && hole !== null && "severity" in hole ? String(hole.severity) : "unknown"
    return { name, severity }
  })
}

/** They fail the audit; others are told. */
export const isGrave = ({ severity }: { readonly severity: string }): boolean =>
  severity !== "info" && severity !== "low" && severity !== "moderate"
