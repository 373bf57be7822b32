// Where an array must begin so that its structs of 64 bytes lie on cache lines.

/**
 * A large ArrayBuffer is a mapping of its own, which begins with the 16 bytes in which the C library notes its size: the
 * first byte that lies on a cache line of 64 is number 48. Elsewhere this is a place like any other.
 */
export const LINE_START = 48

/** Room for `bytes` from LINE_START on. */
export const lineBytes = (bytes: number): number => LINE_START + bytes
