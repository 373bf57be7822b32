/** Memory that begins on a page, from which a disk can take without a copy in between. */
import { pageBytes } from "./format.ts"

/** An allocation of more than 32 MiB is a mapping of its own, which begins with the 16 bytes in which the C library notes its size. */
const mappingBytesMin = 33 << 20
const noteBytes = 16

/**
 * `bytes` zeros, at most 32 MiB. Memory that is never touched is never given, so what the mapping has more costs nothing.
 * Where a C library does otherwise this is memory like any other, and files take it through the page cache.
 */
export const pageAligned = (bytes: number): Buffer<ArrayBuffer> =>
  Buffer.from(new ArrayBuffer(mappingBytesMin), pageBytes - noteBytes, bytes)
