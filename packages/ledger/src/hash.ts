// Integer mixing: for cards (and which shard owns one), for terminals, and for remembered transactions.

/** Of a card or terminal: all 32 bits depend on all 64 of the number, so that any few of them choose shard, sub-table and place. */
export const numberHash = (lo: number, hi: number): number => {
  let h = Math.imul(hi ^ (hi >>> 15), 0x9e3779b1) ^ lo
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

/**
 * References are chosen by terminals, so each word is mixed in a round of its own over a salt: whoever does not know
 * the salt can't choose references that fall into one bucket.
 */
export const referenceHash = (salt: number, terminal: number, lo: number, hi: number): number => {
  let h = salt ^ terminal
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15) ^ hi, 0x846ca68b)
  h = Math.imul(h ^ (h >>> 16) ^ lo, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  return h ^ (h >>> 16)
}
