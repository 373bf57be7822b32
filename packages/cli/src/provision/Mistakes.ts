// What is wrong with a value by its schema, as sentences: the path, what is allowed there, and what may have been meant.
import type { SchemaAST, SchemaIssue } from "effect"
import { maskedIn } from "../CardNumber.ts"
import { didYouMean, nearest } from "../NearMiss.ts"

export interface Mistake {
  readonly path: ReadonlyArray<PropertyKey>
  /** Whether the place of the key says more than that of its value. */
  readonly at: "key" | "value"
  readonly message: string
}

/** Keys whose values are nobody's to read. */
const secretKeys: ReadonlySet<PropertyKey> = new Set(["code"])

const FOUND_CHARACTERS_MAX = 40

/** Every leaf of the issue; of a choice between forms, those of the form that is nearest. */
export const mistakesOf = (
  issue: SchemaIssue.Issue,
  ast: SchemaAST.AST,
  value: unknown,
): ReadonlyArray<Mistake> => {
  const found = walk(issue, [], ast, ast, value)
  // A key that is written wrong is one mistake, not two.
  const meant = new Set(found.map((mistake) => mistake.meant))
  return found.filter(({ missing }) => missing === undefined || !meant.has(missing))
}

/**
 * `10000.00` is a whole number to YAML, and a hundredth of what its writer meant to us: where whole numbers belong, a
 * decimal point is a mistake whatever stands behind it.
 */
export const withDecimals = (
  found: ReadonlyArray<Mistake>,
  decimals: ReadonlyArray<Decimal>,
  ast: SchemaAST.AST,
): ReadonlyArray<Mistake> => {
  const points = decimals.flatMap(({ path, source }): ReadonlyArray<Mistake> => {
    const expected = expectedAt(ast, path) ?? ""
    const what = /^minor units|a whole number of minor units/.test(expected) ? "minor units: " : ""
    const message = `expected ${what}a whole number without a decimal point, found ${maskedIn(source)}`
    return /whole number|card number|digits/.test(expected) ? [{ path, at: "value", message }] : []
  })
  // What holds such a number may be found wrong for it.
  const isOfPoint = (path: Mistake["path"]) =>
    points.some((point) => path.every((part, index) => part === point.path[index]))
  return [...points, ...found.filter(({ path, at }) => at === "key" || !isOfPoint(path))]
}

/** A number that is written with a decimal point or an exponent. */
export interface Decimal {
  readonly path: ReadonlyArray<PropertyKey>
  readonly source: string
}

interface Found extends Mistake {
  /** The path of the key that is not there, or that this one may have meant. */
  readonly missing?: string
  readonly meant?: string
}

/** @param holder the form whose entries the issue is about, where it is about entries */
const walk = (
  issue: SchemaIssue.Issue,
  path: ReadonlyArray<PropertyKey>,
  holder: SchemaAST.AST,
  root: SchemaAST.AST,
  value: unknown,
): ReadonlyArray<Found> => {
  const wrong = (expected: string): ReadonlyArray<Found> => {
    const found = valueAt(value, path)
    const meant = typeof found === "string" ? didYouMean(found, literalsAt(root, path)) : ""
    return [{ path, at: "value", message: `expected ${expected}, found ${foundText(found, path)}${meant}` }]
  }
  switch (issue._tag) {
    case "Pointer":
      return walk(issue.issue, [...path, ...issue.path], holder, root, value)
    case "Encoding":
      return walk(issue.issue, path, holder, root, value)
    case "Composite":
      return issue.issues.flatMap((inner) => walk(inner, path, issue.ast, root, value))
    case "AnyOf": {
      const branches = issue.issues.map((inner) => walk(inner, path, holder, root, value))
      // Of several that fail in the same place none is the one that was meant.
      const deepest = branches.filter((branch) => branch.some((mistake) => mistake.path.length > path.length))
      const choice = deepest.length > 0 ? deepest : branches.length === 1 ? branches : []
      return choice.length === 0
        ? wrong(expectedOf(issue.ast))
        : choice.reduce((best, branch) => (branch.length < best.length ? branch : best))
    }
    case "Filter": {
      const { issue: inner } = issue
      const own = inner._tag === "Pointer" || inner._tag === "Composite" ? undefined : messageOf(inner)
      if (own !== undefined) return [{ path, at: "value", message: own }]
      if (inner._tag === "Pointer" || inner._tag === "Composite")
        return walk(inner, path, holder, root, value)
      const expected = issue.filter.annotations?.["expected"]
      return wrong(typeof expected === "string" ? expected : "another value")
    }
    case "MissingKey": {
      const key = path.at(-1)
      const allowed = expectedAt(root, path)
      const says = allowed === undefined ? "" : `: ${allowed}`
      const message = `${String(key)} is missing${says}`
      return [{ path: path.slice(0, -1), at: "key", message, missing: pathText(path) }]
    }
    case "UnexpectedKey": {
      const key = String(path.at(-1))
      const rule = keyRule(holder)
      if (rule !== undefined) return [{ path, at: "key", message: `expected ${rule} as the key` }]
      const known = keysOf(holder)
      const message = `there is no such key${didYouMean(key, known)}; there may be ${known.join(", ")}`
      const meant = nearest(key, known)
      const found = { path, at: "key", message } as const
      return meant === undefined ? [found] : [{ ...found, meant: pathText([...path.slice(0, -1), meant]) }]
    }
    case "InvalidType":
      return wrong(expectedOf(issue.ast))
    default: {
      const own = messageOf(issue)
      return own === undefined ? wrong("another value") : [{ path, at: "value", message: own }]
    }
  }
}

/** A filter's own words. */
const messageOf = (issue: SchemaIssue.Issue): string | undefined => {
  if (issue._tag !== "InvalidValue") return undefined
  const message = issue.annotations?.["message"]
  return typeof message === "string" ? message : undefined
}

const foundText = (found: unknown, path: ReadonlyArray<PropertyKey>): string => {
  if (path.some((part) => secretKeys.has(part))) return "something else"
  if (found === null || found === undefined) return "nothing"
  if (Array.isArray(found)) return "a list"
  if (typeof found === "object") return "a mapping"
  const text = maskedIn(JSON.stringify(found) ?? "nothing")
  return text.length <= FOUND_CHARACTERS_MAX ? text : `${text.slice(0, FOUND_CHARACTERS_MAX)}…`
}

const valueAt = (value: unknown, path: ReadonlyArray<PropertyKey>): unknown => {
  let found = value
  for (const part of path) {
    if (typeof found !== "object" || found === null) return undefined
    // A path that the decoder went: an index of a list or a key of a mapping.
    found = (found as { readonly [key: PropertyKey]: unknown })[part]
  }
  return found
}

// ---- what the schema has to say about a place

const expectedOf = (ast: SchemaAST.AST): string => {
  // The last check knows best: those before it are of the type that it narrows.
  const checked = (ast.checks ?? []).map(({ annotations }) => annotations?.["expected"])
  const annotated = ast.annotations?.["expected"] ?? checked.findLast((one) => typeof one === "string")
  if (typeof annotated === "string") return annotated
  if (ast._tag === "Objects") return "a mapping"
  if (ast._tag === "Arrays") return "a list"
  if (ast._tag === "String") return "a text"
  if (ast._tag === "Number") return "a number"
  if (ast._tag === "Boolean") return "true or false"
  if (ast._tag === "Literal") return String(ast.literal)
  if (ast._tag !== "Union") return ast._tag
  return [...new Set(ast.types.map(expectedOf))].join(", ").replace(/, ([^,]*)$/, " or $1")
}

/** What stands in the file, not what it becomes. */
const encoded = (ast: SchemaAST.AST): SchemaAST.AST => {
  const { encoding } = ast
  return encoding === undefined ? ast : encoded(encoding[encoding.length - 1].to)
}

/** Every form that the schema knows for the value at this path. */
const astsAt = (root: SchemaAST.AST, path: ReadonlyArray<PropertyKey>): ReadonlyArray<SchemaAST.AST> => {
  let found = forms(root)
  for (const part of path) found = found.flatMap((ast) => childrenOf(ast, part)).flatMap(forms)
  return found
}

const forms = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  const inFile = encoded(ast)
  return inFile._tag === "Union" ? inFile.types.flatMap(forms) : [inFile]
}

const childrenOf = (ast: SchemaAST.AST, part: PropertyKey): ReadonlyArray<SchemaAST.AST> => {
  if (ast._tag === "Arrays") return typeof part === "number" ? [...ast.elements, ...ast.rest] : []
  if (ast._tag !== "Objects") return []
  const own = ast.propertySignatures.filter(({ name }) => name === part).map(({ type }) => type)
  return own.length > 0 ? own : ast.indexSignatures.map(({ type }) => type)
}

const expectedAt = (root: SchemaAST.AST, path: ReadonlyArray<PropertyKey>): string | undefined => {
  const found = astsAt(root, path)
  return found.length === 0 ? undefined : [...new Set(found.map(expectedOf))].join(" or ")
}

const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []

/** What the keys of a mapping whose keys are free have to look like. */
const keyRule = (ast: SchemaAST.AST): string | undefined =>
  ast._tag === "Objects" && ast.indexSignatures.length > 0
    ? expectedOf(ast.indexSignatures[0].parameter)
    : undefined

const literalsAt = (root: SchemaAST.AST, path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> =>
  astsAt(root, path).flatMap((ast) => (ast._tag === "Literal" ? [String(ast.literal)] : []))

/** `merchants[0].name`, as in a program. */
export const pathText = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "")
