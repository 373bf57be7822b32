// What must be turned round if no answer comes, in a file: written before a request goes out, struck out when it is
// answered, so that whatever ends this process in between, the next one knows.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto"
import {
  decodeRecord,
  identityBytes,
  RECORD_BYTES,
  recordBytes,
  type TransactionRecord,
} from "@millrace/protocol"
import { Effect, Redacted, type Scope } from "effect"
import { PendingFileRefused } from "./ClientError.ts"
import type { Credential } from "./Credential.ts"
import { fileDisk, type PendingDisk } from "./PendingDisk.ts"
import { type RandomBytes, randomBytes } from "./Random.ts"

/**
 * The file, in units of 128 bytes, so that none lies across two sectors of a disk:
 *
 * | unit | bytes |
 * |---|---|
 * | the first | magic 16, salt 32, check value of the key 32, zeros |
 * | any other | nonce 12, tag 16, ciphertext 100: what it is 1 (1 open, 2 settled), zeros 3, record 64, zeros 32 |
 *
 * AES-256-GCM with the unit's place as additional data; the key is made of the logon key, the identity and the salt. A unit
 * at the end that is short or all zero was being written when the process ended, before anything was sent: it is cut off.
 */
const UNIT_BYTES = 128
const MAGIC = new TextEncoder().encode("mr-pending 1\r\n\0\0")
const SALT_AT = 16
const SALT_BYTES = 32
const CHECK_AT = 48
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PLAIN_AT = NONCE_BYTES + TAG_BYTES
const PLAIN_BYTES = UNIT_BYTES - PLAIN_AT
const RECORD_AT = 4
/** From this size on a file in which nothing is open begins anew. */
const RESTART_BYTES = 1_048_576

const What = { open: 1, settled: 2 } as const
type What = (typeof What)[keyof typeof What]

const hmac = (key: Uint8Array, label: string, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const mac = createHmac("sha256", key).update(`${label}\0`)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const keyOf = ({ terminal, reference }: Pick<TransactionRecord, "terminal" | "reference">): string =>
  `${terminal} ${reference}`

interface Waiting {
  readonly what: What
  readonly record: TransactionRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class PendingReversals {
  readonly #disk: PendingDisk
  readonly #key: Uint8Array
  readonly #random: RandomBytes
  readonly #open: Map<string, TransactionRecord>
  #end: number
  #queue: Array<Waiting> = []
  #writing: Promise<void> | null = null
  /** After a failed write nobody knows what the disk holds: nothing more is taken. */
  #broken: Error | null = null

  private constructor(
    disk: PendingDisk,
    key: Uint8Array,
    random: RandomBytes,
    open: Map<string, TransactionRecord>,
    end: number,
  ) {
    this.#disk = disk
    this.#key = key
    this.#random = random
    this.#open = open
    this.#end = end
  }

  /**
   * Opens or makes the file, for as long as the scope; one in which nothing is open goes with it. Errors:
   * PendingFileRefused, when it can't be used, is damaged, or is another credential's.
   */
  static open(
    file: string,
    credential: Credential,
    disk: (file: string) => Promise<PendingDisk> = fileDisk,
    random: RandomBytes = randomBytes,
  ): Effect.Effect<PendingReversals, PendingFileRefused, Scope.Scope> {
    const refused = (error: unknown) =>
      new PendingFileRefused({ path: file, message: error instanceof Error ? error.message : String(error) })
    return Effect.acquireRelease(
      Effect.tryPromise({
        try: async () => {
          const opened = await disk(file)
          try {
            return await PendingReversals.#load(opened, credential, random)
          } catch (error) {
            await opened.close(false)
            throw error
          }
        },
        catch: refused,
      }),
      (pending) => Effect.ignore(Effect.tryPromise(() => pending.#close())),
    )
  }

  static async #load(
    disk: PendingDisk,
    credential: Credential,
    random: RandomBytes,
  ): Promise<PendingReversals> {
    const bytes = await disk.read()
    const logonKey = Redacted.value(credential.key)
    if (!beginsAsOurs(bytes)) throw new Error("it is not a file of pending reversals, and left as it is")
    const fileKey = (salt: Uint8Array) =>
      hmac(logonKey, "pending reversals", identityBytes(credential.identity), Uint8Array.of(0), salt)
    if (bytes.length < UNIT_BYTES || isZero(bytes.subarray(0, UNIT_BYTES))) {
      // New, or its first start was cut short: nothing was ever sent under it.
      const salt = Uint8Array.from(random(SALT_BYTES))
      const key = fileKey(salt)
      const head = new Uint8Array(UNIT_BYTES)
      head.set(MAGIC)
      head.set(salt, SALT_AT)
      head.set(hmac(key, "check"), CHECK_AT)
      await disk.truncate(0)
      await disk.write(head, 0)
      await disk.sync()
      return new PendingReversals(disk, key, random, new Map(), UNIT_BYTES)
    }
    const key = fileKey(bytes.subarray(SALT_AT, SALT_AT + SALT_BYTES))
    const check = hmac(key, "check")
    if (!timingSafeEqual(check, bytes.subarray(CHECK_AT, CHECK_AT + check.length))) {
      throw new Error(
        "it was written under another credential: use that one, or settle by the books what it holds and remove it",
      )
    }
    const open = new Map<string, TransactionRecord>()
    const end = replay(key, bytes, open)
    if (end < bytes.length) {
      await disk.truncate(end)
      await disk.sync()
    }
    return new PendingReversals(disk, key, random, open, end)
  }

  /** What is not settled, the oldest first. */
  entries(): ReadonlyArray<TransactionRecord> {
    return [...this.#open.values()]
  }

  /** Resolves when it is durable. `record` is what will be sent if no answer comes; a PIN block is not kept. */
  note(record: TransactionRecord): Promise<void> {
    return this.#append(What.open, { ...record, pinBlock: null })
  }

  /** Resolves when it is durable that this one needs nothing any more. */
  settle(record: TransactionRecord): Promise<void> {
    return this.#append(What.settled, record)
  }

  #append(what: What, record: TransactionRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ what, record, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** All that came while the disk was busy goes in one write with one sync. */
  async #writeAll(): Promise<void> {
    // What else comes in this turn of the event loop goes along.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      try {
        if (this.#broken !== null) throw this.#broken
        await this.#write(batch)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#broken ??= error instanceof Error ? error : new Error(String(error))
        for (const { reject } of batch) reject(this.#broken)
      }
    }
    this.#writing = null
  }

  async #write(batch: ReadonlyArray<Waiting>): Promise<void> {
    if (this.#open.size === 0 && this.#end >= RESTART_BYTES) {
      await this.#disk.truncate(UNIT_BYTES)
      this.#end = UNIT_BYTES
    }
    const units = batch.map(({ what, record }, i) =>
      sealUnit(this.#key, this.#random(NONCE_BYTES), what, record, this.#end + i * UNIT_BYTES),
    )
    await this.#disk.write(Buffer.concat(units), this.#end)
    await this.#disk.sync()
    this.#end += units.length * UNIT_BYTES
    for (const { what, record } of batch) enter(this.#open, what, record)
  }

  async #close(): Promise<void> {
    await this.#writing
    const done = this.#open.size === 0 && this.#broken === null
    this.#broken ??= new Error("the client has ended")
    await this.#disk.close(done)
  }
}

const enter = (open: Map<string, TransactionRecord>, what: number, record: TransactionRecord): void => {
  if (what === What.open) open.set(keyOf(record), record)
  else open.delete(keyOf(record))
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** What is shorter than the magic must be its beginning; zeros are a file whose length was written before its bytes. */
const beginsAsOurs = (bytes: Uint8Array): boolean => {
  const head = bytes.subarray(0, MAGIC.length)
  return isZero(head) || head.every((byte, i) => byte === MAGIC[i])
}

/** Enters all units; gives where the next one goes. Throws when one is damaged. */
const replay = (key: Uint8Array, bytes: Uint8Array, open: Map<string, TransactionRecord>): number => {
  let at = UNIT_BYTES
  for (; at + UNIT_BYTES <= bytes.length; at += UNIT_BYTES) {
    const unit = bytes.subarray(at, at + UNIT_BYTES)
    // The length of a file may be durable before its bytes: what was to come was not yet acted upon.
    if (isZero(unit) && isZero(bytes.subarray(at))) return at
    const plain = openUnit(key, unit, at)
    if (plain === undefined) {
      throw new Error(
        `it is damaged at byte ${at}: settle by the books what this terminal did last, then remove the file`,
      )
    }
    enter(open, plain[0], decodeRecord(viewOf(plain), RECORD_AT))
  }
  return at
}

const placeOf = (at: number): Uint8Array => {
  const place = new Uint8Array(8)
  viewOf(place).setBigUint64(0, BigInt(at), true)
  return place
}

const sealUnit = (
  key: Uint8Array,
  nonce: Uint8Array,
  what: What,
  record: TransactionRecord,
  at: number,
): Uint8Array => {
  const plain = new Uint8Array(PLAIN_BYTES)
  plain[0] = what
  plain.set(recordBytes(record), RECORD_AT)
  const unit = new Uint8Array(UNIT_BYTES)
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(placeOf(at))
  unit.set(nonce)
  unit.set(cipher.update(plain), PLAIN_AT)
  cipher.final()
  unit.set(cipher.getAuthTag(), NONCE_BYTES)
  return unit
}

const openUnit = (key: Uint8Array, unit: Uint8Array, at: number): Uint8Array | undefined => {
  const decipher = createDecipheriv("aes-256-gcm", key, unit.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(placeOf(at)).setAuthTag(unit.subarray(NONCE_BYTES, PLAIN_AT))
  const plain = Uint8Array.from(decipher.update(unit.subarray(PLAIN_AT)))
  try {
    decipher.final()
    return plain.length >= RECORD_AT + RECORD_BYTES ? plain : undefined
  } catch {
    return undefined
  }
}
