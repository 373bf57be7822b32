// Characters and half bytes: hexadecimal text, packed decimals, and bytes as Latin-1 text.

const HEX = "0123456789ABCDEF"

/** Value of a hexadecimal digit's character code, or −1. */
export const hexDigit = (code: number): number => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x41 && code <= 0x46) return code - 0x37
  if (code >= 0x61 && code <= 0x66) return code - 0x57
  return -1
}

/** Upper-case hexadecimal text, as ASCII bytes. */
export const hexOf = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length * 2)
  for (let i = 0; i < bytes.length; i++) {
    out[i * 2] = HEX.charCodeAt(bytes[i] >> 4)
    out[i * 2 + 1] = HEX.charCodeAt(bytes[i] & 0xf)
  }
  return out
}

/** The bytes that hexadecimal text stands for, or undefined. `size` is in bytes of the result. */
export const unhex = (bytes: Uint8Array, at: number, size: number): Uint8Array | undefined => {
  const out = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    const high = hexDigit(bytes[at + i * 2])
    const low = hexDigit(bytes[at + i * 2 + 1])
    if (high < 0 || low < 0) return undefined
    out[i] = (high << 4) | low
  }
  return out
}

/** Half byte number `index` from byte `at`. */
export const nibbleAt = (bytes: Uint8Array, at: number, index: number): number => {
  const byte = bytes[at + (index >> 1)]
  return (index & 1) === 0 ? byte >> 4 : byte & 0xf
}

export const setNibble = (bytes: Uint8Array, at: number, index: number, value: number): void => {
  bytes[at + (index >> 1)] |= (index & 1) === 0 ? value << 4 : value
}

/** Bytes as Latin-1 text: one character each. */
export const latin1 = (bytes: Uint8Array, at: number, size: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, size).toString("latin1")

/** ASCII digits as a number, or −1. */
export const asciiNumber = (bytes: Uint8Array, at: number, count: number): number => {
  let value = 0
  for (let i = 0; i < count; i++) {
    const digit = bytes[at + i] - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Packed digits as a number, or −1. */
export const packedNumber = (bytes: Uint8Array, at: number, count: number): number => {
  let value = 0
  for (let i = 0; i < count; i++) {
    const digit = nibbleAt(bytes, at, i)
    if (digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
