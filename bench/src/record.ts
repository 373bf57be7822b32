// What a record, an outcome, a frame and a message cost on their own: nanoseconds each, one core.
import {
  BATCH_RECORDS_MAX,
  batchFrame,
  decodeOutcome,
  decodeRecord,
  encodeRecord,
  FrameReader,
  Kind,
  makeReference,
  packMessage,
  RECORD_BYTES,
  RecordWord,
  ReferenceSource,
  unpackMessage,
  writeRecord,
} from "@millrace/protocol"
import { type Benchmark, Samplers } from "./Report.ts"

/** `work` does `units` things a call and gives something of what it did. */
interface Case {
  readonly name: string
  readonly units: number
  readonly work: () => number
}

const measure = (name: string, units: number, work: () => number): Case => ({ name, units, work })

/** Nanoseconds of one of its things, over so many milliseconds. */
const nanoseconds = ({ name, units, work }: Case, roundMs: number): number => {
  let kept = 0
  let calls = 0
  const start = performance.now()
  while (performance.now() - start < roundMs) {
    for (let i = 0; i < 16; i++) kept += work()
    calls += 16
  }
  // Uses what the work gave, so that none of it can be left out.
  if (Number.isNaN(kept)) throw new Error(name)
  return ((performance.now() - start) * 1e6) / (calls * units)
}

const RECORDS = 1_024
const bytes = new Uint8Array(RECORDS * RECORD_BYTES)
const view = new DataView(bytes.buffer)
const words = new Uint32Array(bytes.buffer)

const fill = (): number => {
  for (let i = 0; i < RECORDS; i++) {
    writeRecord(view, i * RECORD_BYTES, i, 7, i * 31, 9, i & 0xffff, 0, 0, 0, i, Kind.purchase, 0, 978)
  }
  return words[RecordWord.terminal]
}

const readWords = (): number => {
  let sum = 0
  for (let at = 0; at < words.length; at += RECORD_BYTES / 4) {
    sum += words[at + RecordWord.cardLo] + words[at + RecordWord.amountLo] + words[at + RecordWord.terminal]
    sum += words[at + RecordWord.kindFlagsCurrency] & 0xff
  }
  return sum
}

const record = {
  reference: makeReference(1_760_000_000_000, 1),
  card: 6_000_000_000_000_000_017n,
  amount: 1_250,
  terminal: 1001,
  kind: Kind.purchase,
  currency: 978,
}

const frames = (unitBytes: 32 | 64, units: number): Uint8Array =>
  batchFrame(new Uint8Array(units * unitBytes), unitBytes, 1)

/** Many frames in one array, read in chunks as a socket gives them. */
const reading = (name: string, unitBytes: 32 | 64, unitsPerFrame: number, chunkBytes: number): Case => {
  const frame = frames(unitBytes, unitsPerFrame)
  const count = Math.ceil(BATCH_RECORDS_MAX / unitsPerFrame)
  const stream = new Uint8Array(count * frame.length)
  for (let i = 0; i < count; i++) stream.set(frame, i * frame.length)
  let taken = 0
  const reader = new FrameReader(unitBytes, {
    units: (_view, _at, units) => {
      taken += units
      return units
    },
    message: () => {},
  })
  return measure(name, count * unitsPerFrame, () => {
    for (let at = 0; at < stream.length; at += chunkBytes) reader.push(stream.subarray(at, at + chunkBytes))
    return taken
  })
}

const cases = (): ReadonlyArray<Case> => {
  const references = new ReferenceSource()
  const message = { ...record, type: "transact", kind: "purchase" }
  const packed = packMessage(message)
  fill()
  return [
    measure("record: write, fast form", RECORDS, fill),
    measure("record: read four fields as words", RECORDS, readWords),
    measure("record: encode an object", 1, () => {
      encodeRecord(record, view, 0)
      return bytes[0]
    }),
    measure("record: decode to an object", 1, () => decodeRecord(view, 0).amount),
    measure("outcome: decode to an object", 1, () => decodeOutcome(view, 0).available),
    measure("reference: fast form", 1, () => {
      references.advance()
      return references.lo
    }),
    measure("reference: bigint", 1, () => Number(references.next() & 1n)),
    reading("reader: records, 1,024 a frame, 64 KiB chunks", 64, 1_024, 65_536),
    reading("reader: records, 1 a frame, 64 KiB chunks", 64, 1, 65_536),
    reading("reader: records, 1 a frame, a chunk each", 64, 1, 76),
    reading("reader: outcomes, 512 a frame, 1,460-byte chunks", 32, 512, 1_460),
    measure("message: pack a transaction", 1, () => packMessage(message).length),
    measure("message: scan and unpack it", 1, () => (unpackMessage(packed).ok ? 1 : 0)),
  ]
}

const copied = new Uint8Array(bytes.length)
const COPY = "a copy of the record's 64 bytes"

export const benchmark: Benchmark = {
  title: "Record codec",
  measures: "records, outcomes, references, frames and messages on their own: nanoseconds each, one core",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const roundMs = quick ? 20 : 200
    const all = cases()
    const copy = measure(COPY, RECORDS, () => {
      copied.set(bytes)
      return copied[1]
    })
    for (const one of [...all, copy]) nanoseconds(one, roundMs)
    for (let round = 0; round < rounds; round++) {
      const copyNs = nanoseconds(copy, roundMs)
      for (const one of all) {
        const id = one.name
        const group = id.split(":")[0]
        samplers.add({ id, group, name: id, unit: "ns", better: "lower" }, nanoseconds(one, roundMs))
        if (group === "record") samplers.limit(id, COPY, copyNs)
      }
    }
    return { figures: samplers.figures }
  },
}
