// A place in a journal as people name it.

/** A sequence, or a moment. */
export type Bound = { readonly sequence: number } | { readonly ms: number }

/** `1200` is a sequence, anything else a time as ISO 8601; undefined for what is neither. */
export const parseBound = (text: string): Bound | undefined => {
  if (/^\d{1,15}$/.test(text)) return { sequence: Number(text) }
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : { ms }
}
