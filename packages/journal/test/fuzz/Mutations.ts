/** What happens to files: drawn from a seed, told in words. */
import { crc32 } from "node:zlib"
import type { MemoryDisk } from "../../src/index.ts"
import type { Base } from "./Bases.ts"
import type { Random } from "./Random.ts"

const pageBytes = 4096
const sectorBytes = 512

interface Target {
  readonly random: Random
  readonly disk: MemoryDisk
  readonly bases: ReadonlyArray<Base>
}

const bytesOf = (disk: MemoryDisk, path: string): Buffer => Buffer.from(disk.files().get(path) ?? [])

const isSegment = (path: string): boolean => path.endsWith(".seg")

/** Mostly segments, but every file has its turn. */
const pathOf = ({ random, disk }: Target, only?: (path: string) => boolean): string => {
  const paths = [...disk.files().keys()].filter(only ?? (() => true))
  const segments = paths.filter(isSegment)
  return random.pick(segments.length > 0 && !random.chance(3) ? segments : paths)
}

/** The checksums protect nothing: whoever changes headers makes them right again. */
const mended = (path: string, bytes: Buffer): Buffer => {
  if (!isSegment(path)) return bytes
  if (bytes.length >= 128)
    bytes.writeUInt32LE(crc32(bytes.subarray(16, 128), crc32(bytes.subarray(0, 12))), 12)
  for (let at = pageBytes; at + 64 <= bytes.length; at += pageBytes) {
    const magic = bytes.toString("latin1", at, at + 4)
    if (magic === "MBLK" || magic === "MEND")
      bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + 64)), at + 4)
  }
  return bytes
}

type Mutation = (target: Target) => string

const change =
  (name: string, alter: (target: Target, bytes: Buffer, path: string) => Buffer): Mutation =>
  (target) => {
    const path = pathOf(target)
    const bytes = alter(target, bytesOf(target.disk, path), path)
    const isMended = target.random.chance(2)
    target.disk.put(path, isMended ? mended(path, bytes) : bytes)
    return `${name} in ${path}${isMended ? ", checksums mended" : ""}`
  }

const flips = change("flipped bits", ({ random }, bytes) => {
  for (let n = random.below(8); n >= 0 && bytes.length > 0; n--) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
  return bytes
})

const fill = change("a run of bytes", ({ random }, bytes) => {
  const at = random.below(Math.max(1, bytes.length))
  bytes.fill(
    random.pick([0, 0xff, 0xa5, random.below(256)]),
    at,
    Math.min(bytes.length, at + 1 + random.below(6000)),
  )
  return bytes
})

const truncation = change("cut", ({ random }, bytes) => {
  const at = random.below(bytes.length + 1)
  const unit = random.pick([1, sectorBytes, pageBytes])
  return bytes.subarray(0, at - (at % unit))
})

const longer = change("made longer", ({ random }, bytes) => {
  const more = Buffer.alloc(
    random.pick([1, sectorBytes, pageBytes, 3 * pageBytes]),
    random.pick([0, 0xa5, 7]),
  )
  return Buffer.concat([bytes, more])
})

const sectors = change("a sector or page in another's place", ({ random }, bytes) => {
  const unit = random.pick([sectorBytes, pageBytes])
  const units = Math.floor(bytes.length / unit)
  if (units > 1) {
    const from = random.below(units) * unit
    bytes.copyWithin(random.below(units) * unit, from, from + unit * (1 + random.below(3)))
  }
  return bytes
})

const removedPages = change("pages taken out", ({ random }, bytes) => {
  const at = random.below(Math.max(1, Math.floor(bytes.length / pageBytes))) * pageBytes
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + pageBytes * (1 + random.below(3)))])
})

/** Real blocks of this or another directory, where others belong. */
const splice: Mutation = (target) => {
  const { random, disk, bases } = target
  const path = pathOf(target, isSegment)
  const other = random.chance(3) ? { name: "itself", disk } : random.pick(bases)
  const from = random.pick([...other.disk.files().keys()].filter(isSegment))
  const bytes = bytesOf(disk, path)
  const source = bytesOf(other.disk, from)
  const pages = (buffer: Buffer) => Math.max(1, Math.floor(buffer.length / pageBytes))
  const take = random.below(pages(source)) * pageBytes
  const put = random.below(pages(bytes) + 1) * pageBytes
  const piece = source.subarray(take, take + pageBytes * (1 + random.below(4)))
  const result = Buffer.concat([
    bytes.subarray(0, put),
    piece,
    bytes.subarray(put + (random.chance(2) ? piece.length : 0)),
  ])
  disk.put(path, random.chance(2) ? mended(path, result) : result)
  return `blocks of ${other.name}'s ${from} in ${path}`
}

/** A whole file of another directory, or of this one under another name. */
const swap: Mutation = (target) => {
  const { random, disk, bases } = target
  const other = random.pick(bases)
  const from = random.pick([...other.disk.files().keys()])
  const path = random.chance(4) ? pathOf(target) : from
  disk.put(path, bytesOf(other.disk, from))
  return `${other.name}'s ${from} as ${path}`
}

const exchanged: Mutation = (target) => {
  const { disk } = target
  const [one, two] = [pathOf(target), pathOf(target)]
  const [first, second] = [bytesOf(disk, one), bytesOf(disk, two)]
  disk.put(one, second)
  disk.put(two, first)
  return `${one} and ${two} exchanged`
}

const removed: Mutation = (target) => {
  const path = pathOf(target)
  target.disk.put(path, undefined)
  return `${path} removed`
}

/** Numbers of headers and of piece headers: lengths, counts, sequences, versions. */
const fields = [
  8, 10, 16, 24, 40, 44, 96, 100, 4096, 4104, 4108, 4112, 4120, 4124, 4128, 4136, 4140, 0, 4,
] as const
const number: Mutation = (target) => {
  const { random, disk } = target
  const path = pathOf(target)
  const bytes = bytesOf(disk, path)
  const at = random.pick(fields) + (random.chance(2) ? pageBytes * random.below(5) : 0)
  const value = random.pick([
    0,
    1,
    2,
    3,
    0x7fff_ffff,
    0xffff_ffff,
    8 << 20,
    (8 << 20) + 1,
    65_536,
    random.u32(),
  ])
  if (at + 4 <= bytes.length) bytes.writeUInt32LE(value, at)
  disk.put(path, mended(path, bytes))
  return `${value} at ${at} in ${path}`
}

/** A document whose text was edited; of the directory's manifest with the right checksum. */
const edited: Mutation = (target) => {
  const { random, disk } = target
  const path = random.pick([...disk.files().keys()].filter((name) => name.endsWith(".json")))
  const text = bytesOf(disk, path).toString("latin1")
  const numbers = [...text.matchAll(/\d+/g)]
  const found = numbers[random.below(Math.max(1, numbers.length))]
  const by = random.pick(["0", "-1", "1e999", "3", "null", "99999999999999999999", "[]", "{}", '"x"', "1.5"])
  const at = found?.index ?? 0
  const changed = text.slice(0, at) + by + text.slice(at + (found?.[0].length ?? 0))
  disk.put(path, Buffer.from(random.chance(2) ? withCheck(changed) : changed, "latin1"))
  return `${by} at ${at} in ${path}`
}

const withCheck = (text: string): string => {
  try {
    const { check: _, ...others } = JSON.parse(text) as { readonly [field: string]: unknown }
    const check = crc32(JSON.stringify(others)).toString(16).padStart(8, "0")
    return JSON.stringify({ ...others, check })
  } catch {
    return text
  }
}

const stray: Mutation = ({ random, disk }) => {
  const path = random.pick([
    "journal/notes.txt",
    "journal/00000000000000000099.seg",
    "journal/00000000000000000001.seg.tmp",
    "snapshots/00000000000000000009/more",
    "snapshots/00000000000000000021/scheme",
    "snapshots/latest/manifest.json",
    "keyring.json.tmp",
    "master.key.new",
  ])
  disk.put(path, Buffer.alloc(random.below(5000), random.below(256)))
  return `a new ${path}`
}

const mutations: ReadonlyArray<readonly [number, Mutation]> = [
  [4, flips],
  [2, fill],
  [3, truncation],
  [1, longer],
  [2, sectors],
  [1, removedPages],
  [4, splice],
  [2, swap],
  [1, exchanged],
  [1, removed],
  [3, number],
  [2, edited],
  [1, stray],
]
const drawn = mutations.flatMap(([weight, mutation]) => Array.from({ length: weight }, () => mutation))

/** One to three changes of a copy, and what they were. */
export const mutate = (random: Random, bases: ReadonlyArray<Base>) => {
  const base = random.pick(bases)
  const disk = base.disk.copy()
  const changes: Array<string> = []
  for (let n = random.below(3); n >= 0; n--) changes.push(random.pick(drawn)({ random, disk, bases }))
  return { disk, said: `${base.name}: ${changes.join("; ")}` }
}
