// Looks over msgpack bytes before a decoder does: lengths that lie, extensions and depth are refused here.

/**
 * Null when the bytes are exactly one map of the kinds of value that messages carry; otherwise what is wrong, with the
 * place. One pass, no recursion, no allocation that the bytes could size.
 */
export const scan = (view: DataView, depthMax: number): string | null => {
  const bytes = view.byteLength
  /** Values still to come at each depth; a map counts keys and values. */
  const left = new Uint32Array(depthMax + 1)
  /** 1 where the depth is a map. */
  const isMap = new Uint8Array(depthMax + 1)
  let depth = 0
  let at = 0
  if (bytes === 0) return "a message is one map, not nothing"
  const first = view.getUint8(0)
  if (!((first & 0xf0) === 0x80 || first === 0xde || first === 0xdf)) return "a message is one map"
  do {
    if (at >= bytes) return `cut short at byte ${at}`
    const token = view.getUint8(at)
    const keyExpected = depth > 0 && isMap[depth] === 1 && left[depth] % 2 === 0
    if (keyExpected && !isText(token)) return `a map's key is not text at byte ${at}`
    const head = headBytes(token)
    if (head === 0) return `a value of a kind that messages do not carry at byte ${at}`
    if (at + head > bytes) return `cut short at byte ${at}`
    if (!isExactFloat(view, at, token))
      return `a number that is not finite or too large for a float at byte ${at}`
    const size = sizeOf(view, at, token)
    at += head
    if (depth > 0) left[depth]--
    if (isContainer(token)) {
      const map = (token & 0xf0) === 0x80 || token >= 0xde
      // Each value takes a byte at least: a count over what is left is a lie, told before anything is allocated.
      if (size > bytes - at) return `more items announced than bytes are left at byte ${at - head}`
      if (depth === depthMax) return `more than ${depthMax} deep at byte ${at - head}`
      depth++
      left[depth] = map ? size * 2 : size
      isMap[depth] = map ? 1 : 0
    } else {
      if (size > bytes - at) return `cut short at byte ${at - head}`
      at += size
    }
    while (depth > 0 && left[depth] === 0) depth--
  } while (depth > 0)
  return at === bytes ? null : `${bytes - at} bytes after the message`
}

const isText = (token: number): boolean => (token & 0xe0) === 0xa0 || (token >= 0xd9 && token <= 0xdb)

const isContainer = (token: number): boolean => (token & 0xe0) === 0x80 || (token >= 0xdc && token <= 0xdf)

/** Bytes of a value's head: its token, its number or its length; 0 for what messages do not carry. */
const headBytes = (token: number): number => {
  if (token < 0xc0 || token >= 0xe0) return 1
  return heads[token - 0xc0]
}

// c0 nil · c1 never used · c2 c3 booleans · c4–c6 bin · c7–c9 ext · ca cb floats · cc–cf uint · d0–d3 int ·
// d4–d8 fixext · d9–db str · dc dd array · de df map
const heads = [1, 0, 1, 1, 2, 3, 5, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 0, 0, 0, 0, 0, 2, 3, 5, 3, 5, 3, 5]

/** Bytes that follow the head, or items of a container. */
const sizeOf = (view: DataView, at: number, token: number): number => {
  if ((token & 0xe0) === 0xa0) return token & 0x1f
  if ((token & 0xe0) === 0x80) return token & 0x0f
  if (token === 0xc4 || token === 0xd9) return view.getUint8(at + 1)
  if (token === 0xc5 || token === 0xda || token === 0xdc || token === 0xde) return view.getUint16(at + 1)
  if (token === 0xc6 || token === 0xdb || token === 0xdd || token === 0xdf) return view.getUint32(at + 1)
  return 0
}

/** A float beyond 2^53 − 1 no longer says which whole number it means; such numbers travel as integers. */
const isExactFloat = (view: DataView, at: number, token: number): boolean => {
  if (token !== 0xca && token !== 0xcb) return true
  const value = token === 0xca ? view.getFloat32(at + 1) : view.getFloat64(at + 1)
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER
}
