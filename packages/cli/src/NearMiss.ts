// What somebody may have meant: the known word that is nearest to the one that was written.

/** Edits (a letter more, less, other, or two swapped) beyond which a word is another word. */
const editsMax = (word: string): number => Math.max(1, Math.min(3, Math.floor(word.length / 3)))

/** The nearest of `known`, or undefined when none is near. */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  let best: string | undefined
  let bestEdits = editsMax(word) + 1
  for (const candidate of known) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase())
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

/** ` (did you mean "x"?)`, or nothing. */
export const didYouMean = (word: string, known: ReadonlyArray<string>): string => {
  const meant = nearest(word, known)
  return meant === undefined ? "" : ` (did you mean "${meant}"?)`
}

/** Damerau's distance, restricted: adjacent letters may be swapped, once each. */
const editsBetween = (a: string, b: string): number => {
  let before: Array<number> = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(change, above[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1)
      }
    }
    before = above
    above = row
  }
  return above[b.length]
}
