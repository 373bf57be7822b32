// A dialect: one readable file that says how the fields of an acquirer look, and what its messages ask for.
import { readFileSync } from "node:fs"
import { Result, Schema, SchemaIssue } from "effect"
import type { BitmapCoding } from "./Bitmap.ts"
import { DialectFile, type OperationKind } from "./DialectFile.ts"
import {
  type BinaryCoding,
  type DigitCoding,
  type FieldFormat,
  lengthText,
  parseLength,
} from "./FieldFormat.ts"
import { readLocated } from "./Located.ts"
import { baseMti, type Message, textOf } from "./Message.ts"
import { IsoProblem } from "./Problem.ts"

export interface Operation {
  readonly mti: string
  /** What fields begin with, all of them. */
  readonly when: ReadonlyArray<readonly [field: number, prefix: string]>
  readonly kind: OperationKind
}

export interface RequestRule {
  /** A request without one of these is refused with 30. */
  readonly needs: ReadonlyArray<number>
  /** What its answer gives back as it came. */
  readonly echo: ReadonlyArray<number>
  /** What field 39 says of an approval, where it isn't what 00 becomes. */
  readonly approved?: string
}

export interface Dialect {
  readonly name: string
  /** First digit of every message type. */
  readonly version: string
  readonly mti: DigitCoding
  readonly bitmap: BitmapCoding
  readonly fields: ReadonlyMap<number, FieldFormat>
  /** In the file's order: the first that fits holds. */
  readonly operations: ReadonlyArray<Operation>
  /** By request type, without repeats. */
  readonly requests: ReadonlyMap<string, RequestRule>
  readonly uses: DialectFile["uses"]
  readonly responses: ReadonlyMap<string, string>
}

/** What of a file the codings of a field come from when it says nothing itself. */
type Defaults = Pick<DialectFile, "lengths" | "digits" | "track2" | "binary" | "odd">

const formatOf = (number: number, field: DialectFile["fields"][string], defaults: Defaults): FieldFormat => {
  // The schema let only such texts through.
  const length = parseLength(field.format)!
  const isTrack = length.type === "z"
  const binary: BinaryCoding = field.binary ?? defaults.binary ?? "raw"
  return {
    ...length,
    number,
    name: field.name,
    lengths: field.lengths ?? defaults.lengths,
    digits: field.digits ?? (isTrack ? defaults.track2 : undefined) ?? defaults.digits,
    binary,
    // A zero behind track 2 would be one more digit of it to who doesn't look at the length.
    odd: field.odd ?? (isTrack ? "right-f" : (defaults.odd ?? "left-0")),
  }
}

const decodeFile = Schema.decodeUnknownResult(DialectFile, { errors: "all", onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** A dialect out of a file's text, or sentences that begin with `file:line:column: ` and name the field. */
export const parseDialect = (text: string, file: string): Result.Result<Dialect, ReadonlyArray<string>> => {
  const located = readLocated(text)
  if (Result.isFailure(located)) return Result.fail(located.failure.map((sentence) => `${file}:${sentence}`))
  const { value, placeOf } = located.success
  const told = (path: ReadonlyArray<PropertyKey>, message: string): string =>
    `${file}:${placeOf(path)}: ${path.length === 0 ? "the file" : path.map(String).join(".")}: ${message}`
  const decoded = decodeFile(value)
  if (Result.isFailure(decoded)) {
    return Result.fail(
      format(decoded.failure.issue).issues.map((issue) =>
        told(
          (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part)),
          issue.message.replaceAll(/\s+/g, " "),
        ),
      ),
    )
  }
  const mistakes = contradictions(decoded.success)
  if (mistakes.length > 0) return Result.fail(mistakes.map(({ path, message }) => told(path, message)))
  return Result.succeed(build(decoded.success))
}

interface Contradiction {
  readonly path: ReadonlyArray<PropertyKey>
  readonly message: string
}

/** What each part allows and the whole does not. */
const contradictions = (file: DialectFile): ReadonlyArray<Contradiction> => {
  const mistakes: Array<Contradiction> = []
  const mustKnow = (number: number | string, path: ReadonlyArray<PropertyKey>): void => {
    if (file.fields[number] === undefined) {
      mistakes.push({ path, message: `field ${number} is not among this dialect's fields` })
    }
  }
  const mustStart = (mti: string, path: ReadonlyArray<PropertyKey>): void => {
    if (mti[0] !== file.version) {
      mistakes.push({ path, message: `message type ${mti} does not begin with the version, ${file.version}` })
    }
  }
  for (const number of [11, 39]) mustKnow(number, ["fields"])
  for (const [use, number] of Object.entries(file.uses)) mustKnow(number, ["uses", use])
  file.operations.forEach((operation, index) => {
    mustStart(operation.mti, ["operations", index, "mti"])
    for (const number of Object.keys(operation.when ?? {}))
      mustKnow(number, ["operations", index, "when", number])
    if (file.requests[operation.mti] === undefined) {
      mistakes.push({
        path: ["operations", index, "mti"],
        message: `message type ${operation.mti} is not among the requests`,
      })
    }
  })
  for (const [mti, { needs, echo }] of Object.entries(file.requests)) {
    mustStart(mti, ["requests", mti])
    needs.forEach((number, index) => {
      mustKnow(number, ["requests", mti, "needs", index])
    })
    echo.forEach((number, index) => {
      mustKnow(number, ["requests", mti, "echo", index])
    })
  }
  const time = file.fields[file.uses.time]
  if (time !== undefined && time.format !== "n 10" && time.format !== "n 12") {
    mistakes.push({
      path: ["uses", "time"],
      message: `field ${file.uses.time} is ${time.format}: a time is n 10 (MMDDhhmmss) or n 12 (YYMMDDhhmmss)`,
    })
  }
  for (const mac of [64, 128]) {
    const field = file.fields[mac]
    if (field !== undefined && !/^b /.test(field.format)) {
      mistakes.push({
        path: ["fields", String(mac), "format"],
        message: "a MAC is of type b and fixed length",
      })
    }
  }
  return mistakes
}

const build = (file: DialectFile): Dialect => ({
  name: file.name,
  version: file.version,
  mti: file.mti,
  bitmap: file.bitmap,
  fields: new Map(
    Object.entries(file.fields).map(([number, field]) => [
      Number(number),
      formatOf(Number(number), field, file),
    ]),
  ),
  operations: file.operations.map(({ mti, when = {}, kind }) => ({
    mti,
    when: Object.entries(when).map(([number, prefix]) => [Number(number), prefix] as const),
    kind,
  })),
  requests: new Map(Object.entries(file.requests)),
  uses: file.uses,
  responses: new Map(Object.entries(file.responses ?? {})),
})

/** Dialects that come with this room. */
export const dialectNames = ["iso1987", "iso1987-bcd", "iso1993"] as const
export type DialectName = (typeof dialectNames)[number]

const isName = (name: string): name is DialectName => (dialectNames as ReadonlyArray<string>).includes(name)

/** A dialect by one of `dialectNames`, or from a file of one's own. Reads synchronously: once, at the start. */
export const loadDialect = (nameOrFile: string): Result.Result<Dialect, ReadonlyArray<string>> => {
  const file = isName(nameOrFile) ? new URL(`../dialects/${nameOrFile}.yaml`, import.meta.url) : nameOrFile
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    // The block holds one call, which throws system errors.
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
    const names = dialectNames.join(", ")
    return Result.fail([
      code === "ENOENT"
        ? `${nameOrFile}: there is no such file, and the dialects that come along are ${names}`
        : `${nameOrFile}: cannot be read (${code})`,
    ])
  }
  return parseDialect(text, isName(nameOrFile) ? `${nameOrFile}.yaml` : nameOrFile)
}

/**
 * The same dialect with other lengths for some of its fields, like `{ 52: "b 16" }` where PIN blocks are of format 4.
 * Throws RangeError for a field that it doesn't have and for what is no length: the caller's defects.
 */
export const withLengths = (dialect: Dialect, lengths: { readonly [field: number]: string }): Dialect => {
  const fields = new Map(dialect.fields)
  for (const [number, text] of Object.entries(lengths)) {
    const field = fields.get(Number(number))
    const length = parseLength(text)
    if (field === undefined) throw new RangeError(`${dialect.name} has no field ${number}`)
    if (length === undefined) throw new RangeError(`field ${number}: ${text} is no length like n..19`)
    if (length.type !== field.type)
      throw new RangeError(`field ${number} is ${lengthText(field)}, not ${text}`)
    fields.set(Number(number), { ...field, ...length })
  }
  return { ...dialect, fields }
}

/** What a request or its repeat asks for, or undefined when the dialect has no such operation. */
export const operationOf = (dialect: Dialect, message: Message): OperationKind | undefined => {
  const mti = baseMti(message.mti)
  const found = dialect.operations.find(
    (operation) =>
      operation.mti === mti &&
      operation.when.every(([field, prefix]) => textOf(message, field)?.startsWith(prefix) === true),
  )
  return found?.kind
}

/** The first thing that a request of this type lacks, or that the dialect has no such request; undefined when it is whole. */
export const checkRequest = (dialect: Dialect, message: Message): IsoProblem | undefined => {
  const rule = dialect.requests.get(baseMti(message.mti))
  if (rule === undefined) {
    const what = `${dialect.name} has no request ${message.mti}`
    return new IsoProblem("bad-mti", { field: 0, at: 0 }, what, message)
  }
  const missing = rule.needs.find((field) => !message.fields.has(field))
  if (missing === undefined) return undefined
  const what = `${message.mti} needs field ${missing} (${dialect.fields.get(missing)?.name})`
  return new IsoProblem("missing-field", { field: missing, at: 0 }, what, message)
}

/**
 * An engine's response code of two digits as field 39 says it in this dialect, in the answer to a request of this type:
 * 1993 approves a reversal with 400, a reconciliation with 500.
 */
export const responseOf = (dialect: Dialect, code: string, requestMti?: string): string => {
  const approved =
    code === "00" && requestMti !== undefined
      ? dialect.requests.get(baseMti(requestMti))?.approved
      : undefined
  return approved ?? dialect.responses.get(code) ?? code
}
