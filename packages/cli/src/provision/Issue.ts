// Cards that a product issues: numbers and check values come once, and go to a file of their own.
import { existsSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import type { Client } from "@millrace/client"
import { Effect } from "effect"
import { grouped } from "../load/Report.ts"
import { stop } from "../Stop.ts"
import type { IssuedCards } from "./scheme/Cards.ts"

/** Where the next entry of each product begins, by product. */
export type NextSerials = Map<number, number>

export interface IssueOptions {
  /** What `out` is relative to. */
  readonly directory: string
  readonly tell: (line: string) => void
  readonly onProgress: (done: number, count: number) => void
}

/**
 * A serial is issued once, in order, so what the product has issued tells what of an entry is there already. A run that
 * was cut short goes on where it ended.
 */
export const issueCards = Effect.fnUntraced(function* (
  client: Client,
  entry: IssuedCards,
  serials: NextSerials,
  options: IssueOptions,
) {
  const { product, count, out } = entry
  const from = entry.serial ?? serials.get(product) ?? 0
  const to = from + count
  serials.set(product, to)
  const { nextSerial } = yield* client.productInfo(product)
  if (nextSerial < from) {
    return yield* stop(
      `product ${product} goes on with serial ${nextSerial}, so cards from ${from} on can't be issued: serials have no gaps`,
    )
  }
  const file = out === undefined ? undefined : resolve(options.directory, out)
  const isThere = file !== undefined && existsSync(file)
  if (isThere && nextSerial < to) {
    return yield* stop(
      `${file} is there already, and ${grouped(to - nextSerial)} cards of product ${product} are still to be issued: ` +
        "numbers are never written over; name another file",
    )
  }
  const rows: Array<string> = []
  const tally = { created: 0, existing: 0 }
  // Issued cards are asked for once more for their check values, which nothing but the engine can tell.
  const begin = file === undefined || isThere ? Math.min(Math.max(from, nextSerial), to) : from
  tally.existing += begin - from
  // What is there and what is to be made do not go in one command.
  const border = Math.min(Math.max(begin, nextSerial), to)
  for (const [serial, end] of [
    [begin, border],
    [border, to],
  ]) {
    if (serial === end) continue
    const cards = { product, serial, count: end - serial, ...givenTo(entry) }
    const made = yield* client
      .issue(cards, (done) => options.onProgress(serial - from + done, count))
      .pipe(
        Effect.catchTag("MessageRefused", (refused) =>
          Effect.fail(
            refused.code === "conflict" && serial < nextSerial ? otherPortions(product, serial) : refused,
          ),
        ),
      )
    tally.created += made.created
    tally.existing += made.existing
    for (const [index, card] of made.cards.entries()) rows.push(`${card},${made.checkValues[index]}`)
  }
  if (file !== undefined && !isThere) yield* writeRows(file, rows)
  const written =
    file === undefined ? "" : isThere ? `; ${out} left as it is` : `; numbers and check values in ${out}`
  options.tell(
    `cards of product ${product}, serials ${from}–${to - 1}: ${grouped(tally.created)} issued` +
      `${tally.existing === 0 ? "" : `, ${grouped(tally.existing)} there already`}${written}`,
  )
})

/** Cards are told again only as they were issued: those of a command together. */
const otherPortions = (product: number, serial: number) =>
  stop(
    `cards of product ${product} from serial ${serial} on were issued in other portions than this file's: ` +
      "their numbers can't be asked for again with it; take its `out` away, and nothing is written",
  )

const givenTo = ({ active, holder }: IssuedCards) => ({
  ...(active === undefined ? {} : { active }),
  ...(holder === undefined ? {} : { holder }),
})

/** Whoever reads it can make cards, so nobody else may. */
const writeRows = (file: string, rows: ReadonlyArray<string>) =>
  Effect.try({
    try: () => writeFileSync(file, `number,checkValue\n${rows.join("\n")}\n`, { mode: 0o600, flag: "wx" }),
    catch: (error) => stop(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`),
  })
