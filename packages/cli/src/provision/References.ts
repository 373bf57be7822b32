// What the entries of a scheme file say of each other: contradictions are found before anything is made, each with its place.
import type { Mistake } from "./Mistakes.ts"
import type { SchemeFile } from "./SchemeFile.ts"
import type { Fund } from "./scheme/Cards.ts"
import type { Product } from "./scheme/Product.ts"

type Path = ReadonlyArray<PropertyKey>

/** Of a product's card numbers, when the file does not say. */
export const DIGITS_DEFAULT = 16
const TERMINAL_MAX = 0xffff_ffffn
const CARD_MAX = (1n << 64n) - 1n

const wrong = (path: Path, message: string): Mistake => ({ path, at: "value", message })

export const referenceMistakes = (scheme: SchemeFile): ReadonlyArray<Mistake> => {
  const { products = [], merchants = [], terminals = [], hosts = [], cards = [], funds = [] } = scheme
  const spans = (
    list: string,
    entries: ReadonlyArray<readonly [index: number, first: bigint, count: number]>,
  ) =>
    entries.map(
      ([index, first, count]): Span => ({
        path: [list, index],
        from: first,
        to: first + BigInt(count) - 1n,
      }),
    )
  return [
    ...twice(
      "products",
      "number",
      products.map(({ number }) => number),
    ),
    ...twice(
      "merchants",
      "number",
      merchants.map(({ number }) => number),
    ),
    ...twice(
      "hosts",
      "id",
      hosts.map(({ id }) => id),
    ),
    ...bins(products),
    ...overlaps(
      spans(
        "terminals",
        terminals.map(({ first, count = 1 }, i) => [i, BigInt(first), count]),
      ),
      TERMINAL_MAX,
      "terminals",
    ),
    ...overlaps(
      spans(
        "cards",
        cards.flatMap((one, i) => ("first" in one ? [[i, one.first, one.count ?? 1]] : [])),
      ),
      CARD_MAX,
      "cards",
    ),
    ...cardCurrencies(scheme),
    ...outs(scheme),
    ...fundPurses(funds, products),
    ...fundOrder(funds),
  ]
}

const twice = (list: string, key: string, values: ReadonlyArray<unknown>): ReadonlyArray<Mistake> => {
  const seen = new Map<unknown, number>()
  return values.flatMap((value, index) => {
    const before = seen.get(value)
    seen.set(value, before ?? index)
    return before === undefined ? [] : [wrong([list, index, key], `is that of ${list}[${before}], too`)]
  })
}

/** Two products can't issue the same numbers. */
const bins = (products: ReadonlyArray<Product>): ReadonlyArray<Mistake> =>
  products.flatMap(({ bin, digits = DIGITS_DEFAULT }, index) => {
    const other = products
      .slice(0, index)
      .findIndex(
        (one) =>
          (one.digits ?? DIGITS_DEFAULT) === digits && (one.bin.startsWith(bin) || bin.startsWith(one.bin)),
      )
    return other < 0
      ? []
      : [
          wrong(
            ["products", index, "bin"],
            `takes numbers of products[${other}], which begin with ${products[other].bin}`,
          ),
        ]
  })

interface Span {
  readonly path: readonly [list: string, index: number]
  readonly from: bigint
  readonly to: bigint
}

/** In the order of their numbers each is compared with the one that reaches furthest of those before. */
const overlaps = (spans: ReadonlyArray<Span>, max: bigint, what: string): ReadonlyArray<Mistake> => {
  const tooLong = spans
    .filter(({ to }) => to > max)
    .map(({ path }) => wrong([...path, "count"], `the last of these ${what} would be beyond ${max}`))
  const sorted = spans.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const found: Array<Mistake> = []
  let furthest: Span | undefined
  for (const span of sorted) {
    if (furthest !== undefined && span.from <= furthest.to) {
      const [later, earlier] = span.path[1] > furthest.path[1] ? [span, furthest] : [furthest, span]
      found.push(
        wrong([...later.path, "first"], `${what} of this entry are in ${what}[${earlier.path[1]}] already`),
      )
    }
    if (furthest === undefined || span.to > furthest.to) furthest = span
  }
  return [...tooLong, ...found]
}

/** A product's cards are kept in its currency. */
const cardCurrencies = ({ cards = [], products = [] }: SchemeFile): ReadonlyArray<Mistake> => {
  const kept = new Map(products.map(({ number, currency }) => [number, currency]))
  return cards.flatMap((entry, index) => {
    const currency = "first" in entry ? kept.get(entry.product ?? 0) : undefined
    return !("first" in entry) || currency === undefined || currency === entry.currency
      ? []
      : [wrong(["cards", index, "currency"], `product ${entry.product} is kept in currency ${currency}`)]
  })
}

const outs = ({ cards = [] }: SchemeFile): ReadonlyArray<Mistake> => {
  const seen = new Map<string, number>()
  return cards.flatMap((entry, index) => {
    if ("first" in entry || entry.out === undefined) return []
    const before = seen.get(entry.out)
    seen.set(entry.out, before ?? index)
    return before === undefined
      ? []
      : [wrong(["cards", index, "out"], `is the file of cards[${before}]: each entry needs its own`)]
  })
}

const fundPurses = (funds: ReadonlyArray<Fund>, products: ReadonlyArray<Product>): ReadonlyArray<Mistake> => {
  const known = new Map(products.map((product) => [product.number, product]))
  return funds.flatMap((fund, index) => {
    const { purse = "main" } = fund
    const product = "product" in fund ? known.get(fund.product) : undefined
    return product === undefined ||
      purse === "main" ||
      (product.purses ?? []).some((one) => one.purse === purse)
      ? []
      : [wrong(["funds", index, "purse"], `product ${product.number} has no purse ${purse}`)]
  })
}

interface PaidSpan {
  readonly index: number
  readonly from: number
  readonly to: number
  readonly reference: bigint
}

/** A card's payment goes on from the one before: one with a reference that is not above it would never be made. */
const fundOrder = (funds: ReadonlyArray<Fund>): ReadonlyArray<Mistake> => {
  const byCard = new Map<bigint, PaidSpan>()
  const byProduct = new Map<number, Array<PaidSpan>>()
  return funds.flatMap((fund, index) => {
    const { reference } = fund
    const before = "card" in fund ? [] : (byProduct.get(fund.product) ?? [])
    const [from, to] =
      "card" in fund ? [0, 0] : [fund.serial ?? 0, (fund.serial ?? 0) + (fund.count ?? 1) - 1]
    const span = { index, from, to, reference }
    const last =
      "card" in fund
        ? byCard.get(fund.card)
        : before.findLast((one) => one.from <= to && from <= one.to && one.reference >= reference)
    if ("card" in fund) byCard.set(fund.card, span)
    else byProduct.set(fund.product, [...before, span])
    return last === undefined || last.reference < reference
      ? []
      : [
          wrong(
            ["funds", index, "reference"],
            `must be greater than ${last.reference}, that of funds[${last.index}], which pays into the same cards before`,
          ),
        ]
  })
}
