/** Small JSON files that know when they were changed: each carries a check over its other fields. */
import { Effect, Schema } from "effect"
import { JournalDamaged, restoreRemedy, VersionUnsupported, versionRemedy } from "./JournalError.ts"

type Fields = { readonly [field: string]: unknown }

/** Gives the check of a document's text: a checksum, or a MAC where there is a key. */
export type Check = (text: string) => string

/** The text is JSON.stringify of the fields in their order, so the check covers the meaning and not the layout. */
export const encodeDocument = (fields: Fields, check: Check): Uint8Array =>
  Buffer.from(`${JSON.stringify({ ...fields, check: check(JSON.stringify(fields)) }, null, 2)}\n`)

export const damagedDocument = (file: string, reason: string): JournalDamaged =>
  new JournalDamaged({ file, at: 0, expected: 0, reason, remedy: restoreRemedy })

const Checked = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const Version = Schema.Struct({ version: Schema.Int })

/** The fields without the check, which is given back beside them; verifying it is up to who has the key. `version` is the newest that is read. */
export const parseDocument = Effect.fnUntraced(function* (file: string, bytes: Uint8Array, version: number) {
  const all = yield* Schema.decodeEffect(Checked)(Buffer.from(bytes).toString("utf8")).pipe(
    Effect.mapError(() => damagedDocument(file, "it isn't a JSON object")),
  )
  const { check, ...fields } = all
  return { check, fields, text: JSON.stringify(fields), found: versionOf(fields), version }
})

const versionOf = (fields: Fields): number | undefined =>
  Schema.is(Version)(fields) ? fields.version : undefined

/** Refuses a version that is newer than what is read: nothing else of the document can be relied on then. */
export const checkVersion = Effect.fnUntraced(function* (
  file: string,
  { found, version }: Effect.Success<ReturnType<typeof parseDocument>>,
) {
  if (found === undefined || (found >= 1 && found <= version)) return
  return yield* new VersionUnsupported({
    file,
    what: "format",
    found,
    supported: version,
    remedy: versionRemedy(found, version),
  })
})

/** Refuses another version first (its check may be another's), then a wrong check. */
export const checkDocument = Effect.fnUntraced(function* (
  file: string,
  document: Effect.Success<ReturnType<typeof parseDocument>>,
  check: Check,
) {
  yield* checkVersion(file, document)
  if (document.check !== check(document.text)) {
    return yield* damagedDocument(file, "its contents don't agree with its check")
  }
  return document.fields
})
