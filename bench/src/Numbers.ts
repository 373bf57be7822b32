/** Numbers as people read them. */

/** Three digits that say something, thousands grouped: 1,234,567, 12.3, 0.045. */
export const shown = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 100 || value === 0) return Math.round(value).toLocaleString("en-US")
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}
