// The keys of a nested schema as a flat list: where each lies, what its environment variable is called.
import type { Schema } from "effect"

export interface Leaf {
  readonly path: ReadonlyArray<string>
  /** `tcp.port` */
  readonly key: string
  /** `MILLRACE_TCP_PORT` */
  readonly variable: string
  readonly type: "number" | "boolean" | "text" | "list"
  readonly expected: string
  readonly description: string
}

export const VARIABLE_PREFIX = "MILLRACE_"

/** Nested keys are joined by `_`, and so are the words inside a key: engine.turnRecordsMax → MILLRACE_ENGINE_TURN_RECORDS_MAX. */
export const variableOf = (path: ReadonlyArray<string>): string =>
  VARIABLE_PREFIX + path.map((part) => part.replace(/[A-Z]/g, "_$&").toUpperCase()).join("_")

interface Fields {
  readonly [name: string]: Schema.Top
}

/** The members of a struct, or undefined for anything else. */
const fieldsOf = (schema: Schema.Top): Fields | undefined =>
  // A struct is the one kind of schema that has `fields`; Top does not say so.
  "fields" in schema ? (schema.fields as Fields) : undefined

export const leavesOf = (schema: Schema.Top, path: ReadonlyArray<string> = []): ReadonlyArray<Leaf> => {
  const fields = fieldsOf(schema)
  if (fields === undefined) return [leafOf(schema, path)]
  return Object.entries(fields).flatMap(([name, field]) => leavesOf(field, [...path, name]))
}

const types: { readonly [tag: string]: Leaf["type"] } = {
  Number: "number",
  Boolean: "boolean",
  Arrays: "list",
}

const leafOf = ({ ast }: Schema.Top, path: ReadonlyArray<string>): Leaf => {
  const annotations = { ...ast.annotations, ...ast.checks?.at(-1)?.annotations }
  return {
    path,
    key: path.join("."),
    variable: variableOf(path),
    type: types[ast._tag] ?? "text",
    expected: String(annotations["expected"] ?? "text"),
    description: String(annotations["description"] ?? ""),
  }
}
