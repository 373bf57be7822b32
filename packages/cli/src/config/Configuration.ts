// Layered configuration: built-in defaults, then file, environment and flags, decoded by one schema, errors with their source.
import { readFileSync } from "node:fs"
import { Result, Schema, SchemaIssue } from "effect"
import { clientTlsVariables } from "../ClientTls.ts"
import { didYouMean, nearest } from "../NearMiss.ts"
import { type Leaf, leavesOf, VARIABLE_PREFIX } from "./Leaves.ts"
import { defaultSettings, Settings } from "./Settings.ts"

export interface Sources {
  /** Path of a JSON file. */
  readonly file?: string | undefined
  readonly environment: { readonly [name: string]: string | undefined }
  /** By key, with the flag's name: `{ "tcp.port": { flag: "--tcp", value: 7100 } }`. */
  readonly flags: { readonly [key: string]: { readonly flag: string; readonly value: unknown } }
}

export interface Configured {
  readonly settings: Settings
  /** Keys that some source set: all others have their default. */
  readonly given: ReadonlySet<string>
  /** Things that are not wrong but may not be what was meant. */
  readonly warnings: ReadonlyArray<string>
}

interface Setting {
  readonly value: unknown
  /** Where it came from, as an error says it. */
  readonly from: string
}

const byDefault = "the built-in default"

const leaves = leavesOf(Settings)
const leafByKey = new Map(leaves.map((leaf) => [leaf.key, leaf]))

/** The settings, or every error, each one a sentence that names the key, its source, what was found and expected. */
export const configure = (sources: Sources): Result.Result<Configured, ReadonlyArray<string>> => {
  const found = new Map<string, Setting>()
  const errors: Array<string> = []
  for (const { key, path } of leaves) {
    const value = valueAt(defaultSettings, path)
    if (value !== undefined) found.set(key, { value, from: byDefault })
  }
  if (sources.file !== undefined) readFile(sources.file, found, errors)
  const warnings = readEnvironment(sources.environment, found)
  for (const [key, { flag, value }] of Object.entries(sources.flags)) {
    found.set(key, { value, from: `flag ${flag}` })
  }
  if (errors.length > 0) return Result.fail(errors)
  const given = new Set([...found].filter(([, { from }]) => from !== byDefault).map(([key]) => key))
  return Result.map(decode(found), (settings) => ({ settings, given, warnings }))
}

// ---- file

const readFile = (file: string, found: Map<string, Setting>, errors: Array<string>): void => {
  const from = `file ${file}`
  if (/\.ya?ml$/i.test(file)) {
    errors.push(`${from}: this build reads JSON only: write the same keys as JSON`)
    return
  }
  let tree: unknown
  try {
    tree = JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    // Only these two calls are in the block: the one throws system errors, the other SyntaxError.
    const message = error instanceof Error ? error.message : String(error)
    const code = error instanceof Error && "code" in error ? error.code : undefined
    errors.push(
      code === "ENOENT"
        ? `${from}: there is no such file`
        : `${from}: cannot be read as JSON: ${message.replaceAll(/\s+/g, " ")}`,
    )
    return
  }
  if (!isGroup(tree)) {
    errors.push(`${from}: expected an object of settings, found ${shown(tree)}`)
    return
  }
  readGroup(tree, [], from, found, errors)
}

const readGroup = (
  group: { readonly [name: string]: unknown },
  path: ReadonlyArray<string>,
  from: string,
  found: Map<string, Setting>,
  errors: Array<string>,
): void => {
  const known = [
    ...new Set(leaves.filter(({ path: p }) => startsWith(p, path)).map((leaf) => leaf.path[path.length])),
  ]
  for (const [name, value] of Object.entries(group)) {
    const here = [...path, name]
    const key = here.join(".")
    if (!known.includes(name))
      errors.push(`${key} in ${from}: there is no such key${suggestion(key, name, known)}`)
    else if (leafByKey.has(key)) found.set(key, { value, from })
    else if (isGroup(value)) readGroup(value, here, from, found, errors)
    else errors.push(`${key} in ${from}: expected a group of keys, found ${shown(value)}`)
  }
}

/** A name of this group, or a whole key whose name was right but that lies elsewhere. */
const suggestion = (key: string, name: string, known: ReadonlyArray<string>): string => {
  const near = nearest(name, known)
  const elsewhere = leaves.find((leaf) => leaf.path.at(-1) === name)?.key
  const prefix = key.slice(0, key.length - name.length)
  if (near !== undefined) return ` (did you mean "${prefix}${near}"?)`
  return elsewhere === undefined ? didYouMean(key, [...leafByKey.keys()]) : ` (did you mean "${elsewhere}"?)`
}

// ---- environment

const readEnvironment = (environment: Sources["environment"], found: Map<string, Setting>): Array<string> => {
  const warnings: Array<string> = []
  const variables = leaves.map((leaf) => leaf.variable)
  for (const leaf of leaves) {
    const value = environment[leaf.variable]
    if (value !== undefined && value !== "") {
      found.set(leaf.key, { value: coerced(value, leaf), from: `environment ${leaf.variable}` })
    }
  }
  // Not errors: orchestrators put variables of their own under the name of a service, such as MILLRACE_PORT.
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(VARIABLE_PREFIX) || variables.includes(name) || otherVariables.includes(name))
      continue
    const meant = nearest(name, variables)
    if (meant !== undefined) warnings.push(`environment ${name} is not a setting; did you mean ${meant}?`)
  }
  return warnings
}

/** Variables of the program that are not settings: keys do not belong into a file of settings. */
const otherVariables: ReadonlyArray<string> = [
  "MILLRACE_MASTER_KEY",
  "MILLRACE_MASTER_KEY_FILE",
  ...Object.values(clientTlsVariables),
]

/** Text from outside as what the key holds; what does not fit stays text, for the schema to refuse. */
const coerced = (value: string, leaf: Leaf): unknown => {
  if (leaf.type === "number") return /^-?\d+$/.test(value.trim()) ? Number(value) : value
  if (leaf.type === "boolean")
    return value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value
  if (leaf.type === "list") return listed(value)
  return value
}

/** JSON, or words with commas between them. */
const listed = (value: string): unknown => {
  if (!value.trimStart().startsWith("[")) return value.split(",").map((word) => word.trim())
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

// ---- all of it

const format = SchemaIssue.makeFormatterStandardSchemaV1()
const decodeSettings = Schema.decodeUnknownResult(Settings, { errors: "all" })

const decode = (found: Map<string, Setting>): Result.Result<Settings, ReadonlyArray<string>> => {
  const tree: { [name: string]: unknown } = { ws: {}, iso: {} }
  for (const [key, { value }] of found) put(tree, key.split("."), value)
  return Result.mapError(decodeSettings(tree), (error) =>
    format(error.issue).issues.map((issue) => {
      const key = (issue.path ?? [])
        .map((part) => String(typeof part === "object" ? part.key : part))
        .join(".")
      const leaf = leaves.find((leaf) => key === leaf.key || key.startsWith(`${leaf.key}.`))
      const setting = found.get(leaf?.key ?? key)
      if (setting === undefined || leaf === undefined) return `${key}: ${issue.message}`
      return `${leaf.key} from ${setting.from}: expected ${leaf.expected}, found ${shown(setting.value)}`
    }),
  )
}

const put = (
  tree: { [name: string]: unknown },
  [name, ...rest]: ReadonlyArray<string>,
  value: unknown,
): void => {
  if (rest.length === 0) {
    tree[name] = value
    return
  }
  const group = tree[name]
  if (isGroup(group)) put(group, rest, value)
  else {
    const made = {}
    tree[name] = made
    put(made, rest, value)
  }
}

const isGroup = (value: unknown): value is { [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const valueAt = (tree: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((group, name) => (isGroup(group) ? group[name] : undefined), tree)

const startsWith = (path: ReadonlyArray<string>, prefix: ReadonlyArray<string>): boolean =>
  prefix.every((name, index) => path[index] === name)

const SHOWN_CHARACTERS_MAX = 60

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text
}
