// What is done to a valid message: bits, bytes, pieces, ends and lengths that lie.
import type { Sample } from "./messages.ts"
import type { Random } from "./Random.ts"

/** Bytes that mean something to some reader. */
const edges = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x30, 0x39, 0x3a, 0x2f, 0x3d, 0x44, 0x43, 0x20, 0x1f, 0x99, 0x9a, 0xa9,
]
const RANDOM_BYTES_MAX = 400

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array

const bit: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] ^= 1 << random.below(8)
  return bytes
}
const byte: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.of(edges)
  return bytes
}
const cut: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))
const insert: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1)
  return Uint8Array.of(...bytes.subarray(0, at), ...random.bytes(1 + random.below(8)), ...bytes.subarray(at))
}
const remove: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1)
  return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(8)))
}
const repeat: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1)
  return Uint8Array.of(...bytes.subarray(0, at + random.below(40)), ...bytes.subarray(at))
}
const mutations = [bit, bit, byte, byte, cut, insert, remove, repeat]

const lie = ({ bytes, lengthsAt }: Sample, random: Random): Uint8Array => {
  const out = bytes.slice()
  if (lengthsAt.length === 0) return out
  const { at, size, packed } = random.of(lengthsAt)
  const what = random.below(4)
  for (let i = 0; i < size; i++) {
    if (what === 0) out[at + i] = packed ? 0x99 : 0x39
    else if (what === 1) out[at + i] = packed ? 0 : 0x30
    else if (what === 2) out[at + i] = random.of(edges)
    else if (packed) out[at + i] = (random.below(10) << 4) | random.below(10)
    else out[at + i] = 0x30 + random.below(10)
  }
  return out
}

/** One input made of a valid message: itself now and then, cut, lied about, or changed in up to six places. */
export const mutated = (sample: Sample, random: Random): Uint8Array => {
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(RANDOM_BYTES_MAX))
    case 1:
      return cut(sample.bytes, random)
    case 2:
    case 3:
      return lie(sample, random)
    case 4:
      return random.below(4) === 0
        ? sample.bytes
        : Uint8Array.of(...sample.bytes.subarray(0, 20), ...random.bytes(40))
    default: {
      let bytes: Uint8Array = sample.bytes.slice()
      for (let left = 1 + random.below(6); left > 0; left--) bytes = random.of(mutations)(bytes, random)
      return bytes
    }
  }
}
