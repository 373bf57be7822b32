/** A connection to PostgreSQL, in its own protocol (version 3) with binary parameters: as little of a client as there can be. */
import type { Debit } from "./Debit.ts"
import type { DebitChannel } from "./Peer.ts"
import { Wire } from "./Wire.ts"

const PROTOCOL = 196_608
const Oid = { int4: 23, int8: 20, int4Array: 1_007, int8Array: 1_016 } as const

/** What comes back from the statement that was sent first. */
interface Pending {
  readonly rows: Array<ReadonlyArray<Buffer | null>>
  error: string | undefined
  readonly done: (rows: ReadonlyArray<ReadonlyArray<Buffer | null>>, error: string | undefined) => void
}

const message = (type: string, body: Buffer): Buffer => {
  const bytes = Buffer.alloc(5 + body.length)
  bytes.write(type, 0, "latin1")
  bytes.writeInt32BE(4 + body.length, 1)
  body.copy(bytes, 5)
  return bytes
}

const sync = message("S", Buffer.alloc(0))

/** The bytes of a request, and where each parameter begins in them. */
interface Request {
  readonly bytes: Buffer
  readonly at: ReadonlyArray<number>
}

/** Bind of the statement to four binary parameters of so many bytes, one binary column back; then execute and sync. */
const request = (statement: string, parameterBytes: ReadonlyArray<number>): Request => {
  const head = Buffer.from([0, ...Buffer.from(statement), 0, 0, 1, 0, 1, 0, parameterBytes.length])
  const parts: Array<Buffer> = [head]
  const at: Array<number> = []
  let end = 5 + head.length
  for (const bytes of parameterBytes) {
    const part = Buffer.alloc(4 + bytes)
    part.writeInt32BE(bytes, 0)
    parts.push(part)
    at.push(end + 4)
    end += part.length
  }
  parts.push(Buffer.from([0, 1, 0, 1]))
  const execute = message("E", Buffer.from([0, 0, 0, 0, 0]))
  return { bytes: Buffer.concat([message("B", Buffer.concat(parts)), execute, sync]), at }
}

/** An array on the wire: one dimension, no nulls, its type, its length, lower bound 1; then a length before each element. */
const ARRAY_HEAD_BYTES = 20
const arrayBytes = (count: number, elementBytes: number): number =>
  ARRAY_HEAD_BYTES + count * (4 + elementBytes)
const writeArrayHead = (
  bytes: Buffer,
  at: number,
  type: number,
  count: number,
  elementBytes: number,
): void => {
  bytes.writeInt32BE(1, at)
  bytes.writeInt32BE(0, at + 4)
  bytes.writeInt32BE(type, at + 8)
  bytes.writeInt32BE(count, at + 12)
  bytes.writeInt32BE(1, at + 16)
  for (let n = 0; n < count; n++)
    bytes.writeInt32BE(elementBytes, at + ARRAY_HEAD_BYTES + n * (4 + elementBytes))
}

const TWO_32 = 0x1_0000_0000

const readInt8 = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4)

const writeInt8 = (bytes: Buffer, at: number, value: number): void => {
  bytes.writeUInt32BE(Math.floor(value / TWO_32), at)
  bytes.writeUInt32BE(value % TWO_32, at + 4)
}

/** Writes the debit's four parameters. A reference's highest bit is not used until 2039, so it fits a signed bigint. */
const writeDebit = (bytes: Buffer, debit: Debit, t: number, r: number, c: number, a: number): void => {
  bytes.writeInt32BE(debit.terminal, t)
  bytes.writeUInt32BE(debit.referenceHi, r)
  bytes.writeUInt32BE(debit.referenceLo, r + 4)
  writeInt8(bytes, c, debit.card)
  writeInt8(bytes, a, debit.amount)
}

export class PostgresChannel implements DebitChannel {
  #wire!: Wire
  readonly #pending: Array<Pending> = []
  #batch = 1
  readonly #debit = request("debit", [4, 8, 8, 8])
  #debits: Request = this.#debit
  #oneByOne: Request = this.#debit

  static async open(port: number): Promise<PostgresChannel> {
    const channel = new PostgresChannel()
    const read = (bytes: Buffer, at: number) => channel.#read(bytes, at)
    channel.#wire = await Wire.open(port, read, (error) => {
      throw error
    })
    const body = Buffer.from("user\0bench\0database\0postgres\0\0")
    const startup = Buffer.alloc(8)
    startup.writeInt32BE(8 + body.length, 0)
    startup.writeInt32BE(PROTOCOL, 4)
    await channel.#exchange(Buffer.concat([startup, body]))
    return channel
  }

  /** Rows as text. Not for what is measured. */
  async query(sql: string): Promise<ReadonlyArray<ReadonlyArray<string>>> {
    const rows = await this.#exchange(message("Q", Buffer.from(`${sql}\0`)))
    return rows.map((row) => row.map((field) => field?.toString() ?? ""))
  }

  async prepare(batch: number): Promise<void> {
    this.#batch = batch
    await this.#parse("debit", "SELECT debit($1, $2, $3, $4)", [Oid.int4, Oid.int8, Oid.int8, Oid.int8])
    if (batch === 1) return
    const types = [Oid.int4Array, Oid.int8Array, Oid.int8Array, Oid.int8Array]
    await this.#parse("debits", "SELECT debits($1, $2, $3, $4)", types)
    await this.#parse("one", "SELECT debits_one_by_one($1, $2, $3, $4)", types)
    const sizes = [4, 8, 8, 8].map((bytes) => arrayBytes(batch, bytes))
    this.#debits = request("debits", sizes)
    this.#oneByOne = request("one", sizes)
    for (const { bytes, at } of [this.#debits, this.#oneByOne]) {
      writeArrayHead(bytes, at[0], Oid.int4, batch, 4)
      for (const from of at.slice(1)) writeArrayHead(bytes, from, Oid.int8, batch, 8)
    }
  }

  send(debits: ReadonlyArray<Debit>, done: (answers: ReadonlyArray<number>) => void): void {
    if (debits.length === 1) this.#sendOne(debits[0], done)
    else this.#sendArrays(this.#debits, debits, done)
  }

  close(): void {
    this.#wire.close()
  }

  #sendOne(debit: Debit, done: (answers: ReadonlyArray<number>) => void): void {
    const { bytes, at } = this.#debit
    writeDebit(bytes, debit, at[0], at[1], at[2], at[3])
    this.#send(bytes, (rows, error) => {
      // Somebody else has just inserted the same reference: now it is known.
      if (error !== undefined) this.#sendOne(debit, done)
      else done([readInt8(rows[0][0] ?? Buffer.alloc(8), 0)])
    })
  }

  #sendArrays(
    form: Request,
    debits: ReadonlyArray<Debit>,
    done: (answers: ReadonlyArray<number>) => void,
  ): void {
    if (debits.length !== this.#batch)
      throw new RangeError(`prepared for ${this.#batch}, not ${debits.length}`)
    const { bytes, at } = form
    const [t, r, c, a] = at.map((from) => from + ARRAY_HEAD_BYTES + 4)
    debits.forEach((debit, n) => {
      writeDebit(bytes, debit, t + n * 8, r + n * 12, c + n * 12, a + n * 12)
    })
    this.#send(bytes, (rows, error) => {
      if (error !== undefined) {
        if (form === this.#oneByOne) throw new Error(error)
        this.#sendArrays(this.#oneByOne, debits, done)
        return
      }
      const array = rows[0][0] ?? Buffer.alloc(0)
      done(debits.map((_, n) => readInt8(array, ARRAY_HEAD_BYTES + n * 12 + 4)))
    })
  }

  async #parse(name: string, sql: string, types: ReadonlyArray<number>): Promise<void> {
    const oids = Buffer.alloc(2 + 4 * types.length)
    oids.writeInt16BE(types.length, 0)
    types.forEach((type, n) => {
      oids.writeInt32BE(type, 2 + 4 * n)
    })
    await this.#exchange(
      Buffer.concat([message("P", Buffer.concat([Buffer.from(`${name}\0${sql}\0`), oids])), sync]),
    )
  }

  #exchange(bytes: Buffer): Promise<ReadonlyArray<ReadonlyArray<Buffer | null>>> {
    return new Promise((resolve, reject) => {
      this.#send(bytes, (rows, error) => {
        if (error === undefined) resolve(rows)
        else reject(new Error(error))
      })
    })
  }

  #send(bytes: Buffer, done: Pending["done"]): void {
    const at = this.#wire.reserve(bytes.length)
    bytes.copy(this.#wire.out, at)
    this.#pending.push({ rows: [], error: undefined, done })
  }

  #read(bytes: Buffer, at: number): number {
    if (bytes.length < at + 5) return -1
    const end = at + 1 + bytes.readInt32BE(at + 1)
    if (bytes.length < end) return -1
    const [pending] = this.#pending
    switch (bytes[at]) {
      case 0x44: // D: a row
        pending.rows.push(readRow(bytes, at + 5))
        break
      case 0x45: // E: fields, each a letter and a text; M is what people read
        pending.error = /\0M([^\0]*)/.exec(`\0${bytes.toString("utf8", at + 5, end)}`)?.[1] ?? "an error"
        break
      case 0x5a: // Z: ready for the next
        this.#pending.shift()
        pending.done(pending.rows, pending.error)
        break
    }
    return end
  }
}

const readRow = (bytes: Buffer, from: number): ReadonlyArray<Buffer | null> => {
  const row: Array<Buffer | null> = []
  let at = from + 2
  for (let n = bytes.readInt16BE(from); n > 0; n--) {
    const length = bytes.readInt32BE(at)
    at += 4
    row.push(length < 0 ? null : bytes.subarray(at, at + length))
    at += Math.max(0, length)
  }
  return row
}
