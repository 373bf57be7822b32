// A YAML or JSON text (JSON is YAML) as plain values, with the line and column of every one of them.
import { Result } from "effect"
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml"
import type { Decimal } from "./Mistakes.ts"

export interface Place {
  readonly line: number
  readonly column: number
}

/** A text that was read: its value, and where the value at a path begins. */
export interface Located {
  readonly value: unknown
  readonly decimals: ReadonlyArray<Decimal>
  /** Of a key, where the key itself stands; of an entry of a list, where it begins; of what is not there, what holds it. */
  readonly keyAt: (path: ReadonlyArray<PropertyKey>) => Place
  readonly valueAt: (path: ReadonlyArray<PropertyKey>) => Place
}

/** What is not YAML, with its place. */
export interface Unreadable extends Place {
  readonly message: string
}

/** Mistakes of syntax that are told at once: one often makes many. */
const MISTAKES_TOLD_MAX = 3

export const readLocated = (text: string): Result.Result<Located, ReadonlyArray<Unreadable>> => {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // A card number has more digits than a number holds.
    intAsBigInt: true,
    // Warnings are told as mistakes, below.
    logLevel: "error",
  })
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const mistakes = [...document.errors, ...document.warnings]
  if (mistakes.length > 0) {
    return Result.fail(
      mistakes.slice(0, MISTAKES_TOLD_MAX).map(({ code, message, pos }) => ({
        ...placeOf(pos[0]),
        message: code === "MULTIPLE_DOCS" ? "a second document begins here" : message.replaceAll(/\s+/g, " "),
      })),
    )
  }
  const root = document.contents
  const at = (node: Node | null): Place => placeOf(node?.range?.[0] ?? 0)
  const find = (path: ReadonlyArray<PropertyKey>): Found => {
    let found: Found = { key: root, value: root }
    for (const part of path) {
      const next = childOf(isAlias(found.value) ? (found.value.resolve(document) ?? null) : found.value, part)
      if (next === undefined) return found
      found = next
    }
    return found
  }
  try {
    return Result.succeed({
      value: plain(document.toJS()),
      decimals: root === null ? [] : decimalsIn(root, []),
      keyAt: (path) => at(find(path).key),
      valueAt: (path) => at(find(path).value),
    })
  } catch {
    return Result.fail([{ line: 1, column: 1, message: "its aliases hold too much, or themselves" }])
  }
}

/** Integers are bigints here, so every number is one with a point or an exponent. */
const decimalsIn = (node: Node | null, path: Decimal["path"]): ReadonlyArray<Decimal> => {
  if (isMap<Node, Node | null>(node)) {
    return node.items.flatMap(({ key, value }) =>
      isScalar(key) ? decimalsIn(value, [...path, String(key.value)]) : [],
    )
  }
  if (isSeq<Node>(node)) return node.items.flatMap((item, index) => decimalsIn(item, [...path, index]))
  return isScalar(node) && typeof node.value === "number"
    ? [{ path, source: node.source ?? String(node.value) }]
    : []
}

interface Found {
  readonly key: Node | null
  readonly value: Node | null
}

const childOf = (node: Node | null, part: PropertyKey): Found | undefined => {
  if (isMap<Node, Node | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
    return pair === undefined ? undefined : { key: pair.key, value: pair.value ?? pair.key }
  }
  if (isSeq<Node>(node) && typeof part === "number") {
    const item = node.items[part]
    return item === undefined ? undefined : { key: item, value: item }
  }
  return undefined
}

/** Integers as numbers where these hold them, otherwise as their digits. */
const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") {
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : String(value)
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
