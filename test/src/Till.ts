// A card and what was paid with it, batch after batch, each answer kept: so that a later start can be asked about it.
import { Kind, type Outcome, RECORD_BYTES, RecordAt, RecordFlag } from "@millrace/protocol"
import { RawConnection } from "./RawConnection.ts"
import { joined, recordOf } from "./Records.ts"
import type { Server } from "./Server.ts"

const currency = 978
const terminal = 7
const card = 4_000_000_000_000_000_000n
const openingBalance = 1_000_000

interface Paid {
  readonly record: Uint8Array
  readonly outcome: Outcome
}

export class Till {
  readonly paid: ReadonlyArray<Paid>
  /** Sent, and whatever came back was not looked at. */
  readonly inDoubt: ReadonlyArray<Uint8Array>

  constructor(paid: ReadonlyArray<Paid>, inDoubt: ReadonlyArray<Uint8Array> = []) {
    this.paid = paid
    this.inDoubt = inDoubt
  }

  /** Makes the card and pays `batches` times, the next batch when the last one is answered. */
  static async open(server: Server, batches: number, records: number): Promise<Till> {
    const connection = await RawConnection.logOn(server.port, server.credential())
    await connection.ask({
      type: "merchant",
      number: 1,
      name: "Till",
      currency,
      feeBasisPoints: 0,
      floatLimit: 2 ** 50,
    })
    await connection.ask({ type: "terminals", first: terminal, count: 1, merchant: 1 })
    await connection.ask({ type: "cards", first: card, count: 1, currency, openingBalance })
    const paid: Array<Paid> = []
    for (let batch = 0; batch < batches; batch++) {
      const sent = payments(records)
      const outcomes = await connection.outcomesOf(joined(sent))
      // All are of one card, so they come in the order in which they were sent.
      for (const [n, record] of sent.entries()) paid.push({ record, outcome: outcomes[n] })
    }
    connection.destroy()
    return new Till(paid)
  }

  /** One batch more, whose answers nobody looks at: a crash may take it. */
  async payInDoubt(server: Server, records: number): Promise<Till> {
    const connection = await RawConnection.logOn(server.port, server.credential())
    const sent = payments(records)
    await connection.outcomesOf(joined(sent))
    connection.destroy()
    return new Till(this.paid, sent)
  }

  /** Every difference between what was answered and what the engine says now. What is in doubt is sent again. */
  async differences(server: Server): Promise<ReadonlyArray<string>> {
    const connection = await RawConnection.logOn(server.port, server.credential())
    const found: Array<string> = []
    const again = [...this.paid.map(({ record }) => record), ...this.inDoubt].map(asRepeat)
    const answers = new Map((await connection.outcomesOf(joined(again))).map((o) => [o.reference, o]))
    for (const { record, outcome } of this.paid) {
      const now = answers.get(referenceOf(record))
      const wanted = told({ ...outcome, flags: 1 })
      if (now === undefined || told(now) !== wanted) found.push(`${wanted} became ${now && told(now)}`)
    }
    for (const record of this.inDoubt) {
      const now = answers.get(referenceOf(record))
      if (now?.response !== 0) found.push(`in doubt, sent again: ${now && told(now)}`)
    }
    const balance = openingBalance - this.paid.length - this.inDoubt.length
    const [asked] = await connection.outcomesOf(recordOf({ terminal, card }, currency))
    if (asked.available !== balance) found.push(`the balance is ${asked.available}, not ${balance}`)
    const { sum } = await connection.ask({ type: "accounts" })
    if (Number(sum) !== 0) found.push(`the accounts add up to ${sum}`)
    connection.destroy()
    return found
  }
}

const payments = (count: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, () => recordOf({ terminal, card, kind: Kind.purchase, amount: 1n }, currency))

const asRepeat = (record: Uint8Array): Uint8Array => record.with(RecordAt.flags, RecordFlag.repeat)

const referenceOf = (record: Uint8Array): bigint =>
  new DataView(record.buffer, record.byteOffset, RECORD_BYTES).getBigUint64(RecordAt.reference, true)

const told = ({ reference, response, available, transaction, flags }: Outcome): string =>
  `${reference} response ${response} available ${available} transaction ${transaction} flags ${flags}`
