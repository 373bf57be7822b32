// A YAML text as plain values, and the line and column where the value at a path stands.
import { Result } from "effect"
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml"

export interface Located {
  readonly value: unknown
  /** "line:column" of a key or an entry; of what isn't there, of what should hold it. */
  readonly placeOf: (path: ReadonlyArray<PropertyKey>) => string
}

/** Mistakes of syntax that are told at once: one often makes many. */
const MISTAKES_TOLD_MAX = 3

/** Fails with sentences that begin with "line:column: ". */
export const readLocated = (text: string): Result.Result<Located, ReadonlyArray<string>> => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${line}:${col}`
  }
  const mistakes = [...document.errors, ...document.warnings]
  if (mistakes.length > 0) {
    return Result.fail(
      mistakes
        .slice(0, MISTAKES_TOLD_MAX)
        .map(({ message, pos }) => `${place(pos[0])}: not YAML: ${message.replaceAll(/\s+/g, " ")}`),
    )
  }
  const placeOf = (path: ReadonlyArray<PropertyKey>): string => {
    let node: Node | null = document.contents
    let at = node?.range?.[0] ?? 0
    for (const part of path) {
      const next: Child | undefined = childOf(node, part)
      if (next === undefined) break
      node = next.value
      at = next.at
    }
    return place(at)
  }
  try {
    return Result.succeed({ value: document.toJS() as unknown, placeOf })
  } catch {
    return Result.fail(["1:1: its aliases hold too much, or themselves"])
  }
}

interface Child {
  readonly at: number
  readonly value: Node | null
}

const childOf = (node: Node | null, part: PropertyKey): Child | undefined => {
  if (isMap<Node, Node | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
    return pair === undefined ? undefined : { at: pair.key.range?.[0] ?? 0, value: pair.value }
  }
  const item = isSeq<Node>(node) && typeof part === "number" ? node.items[part] : undefined
  return item === undefined ? undefined : { at: item.range?.[0] ?? 0, value: item }
}
