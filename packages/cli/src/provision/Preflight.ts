// What a scheme file needs that is not in it, asked before anything is made: files that can be written, what the server has.
import { accessSync, constants, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import type { Client, MessageError } from "@millrace/client"
import type { ResponseOf } from "@millrace/protocol/messages"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import type { Mistake } from "./Mistakes.ts"
import { DIGITS_DEFAULT } from "./References.ts"
import type { SchemeFile } from "./SchemeFile.ts"

const QUESTIONS_IN_FLIGHT = 16

const wrong = (path: Mistake["path"], message: string): Mistake => ({ path, at: "value", message })

/** Directories for the numbers of issued cards that are not there, or that may not be written. */
export const outMistakes = ({ cards = [] }: SchemeFile, directory: string): ReadonlyArray<Mistake> =>
  cards.flatMap((entry, index) => {
    if ("first" in entry || entry.out === undefined) return []
    const place = dirname(resolve(directory, entry.out))
    const problem = directoryProblem(place)
    return problem === undefined ? [] : [wrong(["cards", index, "out"], problem)]
  })

const directoryProblem = (directory: string): string | undefined => {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return `there is no directory ${directory}: make it first`
  }
  try {
    accessSync(directory, constants.W_OK)
    return undefined
  } catch {
    return `the directory ${directory} can't be written`
  }
}

/** What the file's own entries give each product before the server is looked at. */
const issuedEnds = ({ cards = [] }: SchemeFile): ReadonlyMap<number, number> => {
  const ends = new Map<number, number>()
  for (const entry of cards) {
    if ("first" in entry) continue
    ends.set(entry.product, (entry.serial ?? ends.get(entry.product) ?? 0) + entry.count)
  }
  return ends
}

type Asked<A> = A | "unknown" | "silent"

/** An identity that may not ask is told by the commands themselves. */
const asked = <A, R>(question: Effect.Effect<A, MessageError, R>): Effect.Effect<Asked<A>, MessageError, R> =>
  question.pipe(
    Effect.catchTag(
      "MessageRefused",
      (refused): Effect.Effect<Asked<A>, MessageError> =>
        refused.code === "not-found"
          ? Effect.succeed("unknown")
          : refused.code === "not-permitted"
            ? Effect.succeed("silent")
            : Effect.fail(refused),
    ),
  )

const askAll = <K, A>(keys: Iterable<K>, question: (key: K) => Effect.Effect<A, MessageError>) =>
  Effect.map(
    Effect.forEach(
      new Set(keys),
      (key) => Effect.map(asked(question(key)), (answer) => [key, answer] as const),
      { concurrency: QUESTIONS_IN_FLIGHT },
    ),
    (pairs) => new Map(pairs),
  )

/** What the server has is needed by the file, or contradicts it. */
export const serverMistakes = Effect.fnUntraced(function* (client: Client, scheme: SchemeFile) {
  const { products = [], merchants = [], terminals = [], cards = [], funds = [] } = scheme
  const productsNamed = [
    ...products.map(({ number }) => number),
    ...[...cards, ...funds].flatMap((entry) => ("product" in entry ? [entry.product ?? 0] : [])),
  ].filter((number) => number !== 0)
  const merchantsNamed = [
    ...merchants.map(({ number }) => number),
    ...terminals.map(({ merchant }) => merchant),
  ]
  const productInfos = yield* askAll(productsNamed, (number) => client.productInfo(number))
  const merchantInfos = yield* askAll(merchantsNamed, (number) => client.merchantInfo(number))
  const cardInfos = yield* askAll(cardsNamed(scheme), (card) => client.card(card))
  const has = <K, A>(infos: ReadonlyMap<K, Asked<A>>, own: ReadonlySet<K>, key: K): boolean =>
    own.has(key) || infos.get(key) !== "unknown"
  const ownProducts = new Set(products.map(({ number }) => number))
  const ownMerchants = new Set(merchants.map(({ number }) => number))
  return [
    ...kept(scheme, productInfos, merchantInfos),
    ...terminals.flatMap(({ merchant }, index) =>
      has(merchantInfos, ownMerchants, merchant)
        ? []
        : [
            wrong(
              ["terminals", index, "merchant"],
              `there is no merchant ${merchant}, here or on the server`,
            ),
          ],
    ),
    ...(["cards", "funds"] as const).flatMap((list) =>
      (list === "cards" ? cards : funds).flatMap((entry, index) => {
        const product = "product" in entry ? (entry.product ?? 0) : 0
        return product === 0 || has(productInfos, ownProducts, product)
          ? []
          : [wrong([list, index, "product"], `there is no product ${product}, here or on the server`)]
      }),
    ),
    ...funds.flatMap((fund, index) =>
      "card" in fund && cardInfos.get(fund.card) === "unknown"
        ? [wrong(["funds", index, "card"], `there is no card ${masked(fund.card)}, here or on the server`)]
        : [],
    ),
    ...notIssued(scheme, productInfos),
  ]
})

/** Cards that are paid into, but that the file does not make. */
const cardsNamed = ({ cards = [], funds = [], products = [] }: SchemeFile): ReadonlyArray<bigint> =>
  funds.flatMap((fund) => {
    if (!("card" in fund)) return []
    const { card } = fund
    const digits = String(card)
    const isHere =
      cards.some(
        (entry) => "first" in entry && card >= entry.first && card < entry.first + BigInt(entry.count ?? 1),
      ) ||
      products.some(
        (product) => digits.startsWith(product.bin) && digits.length === (product.digits ?? DIGITS_DEFAULT),
      )
    return isHere ? [] : [card]
  })

/** What never changes of a product or a merchant that is there. */
const kept = (
  { products = [], merchants = [] }: SchemeFile,
  productInfos: ReadonlyMap<number, Asked<ResponseOf<"product-info">>>,
  merchantInfos: ReadonlyMap<number, Asked<ResponseOf<"merchant-info">>>,
): ReadonlyArray<Mistake> => [
  ...products.flatMap(({ number, currency, bin, digits = DIGITS_DEFAULT, named = false }, index) => {
    const before = productInfos.get(number)
    if (typeof before !== "object") return []
    const given = { currency, bin, digits, named }
    return (["currency", "bin", "digits", "named"] as const)
      .filter((field) => before[field] !== given[field])
      .map((field) =>
        wrong(["products", index, field], `product ${number} keeps its ${field}: ${before[field]}`),
      )
  }),
  ...merchants.flatMap(({ number, currency }, index) => {
    const before = merchantInfos.get(number)
    return typeof before !== "object" || before.currency === currency
      ? []
      : [wrong(["merchants", index, "currency"], `merchant ${number} is paid in currency ${before.currency}`)]
  }),
]

/** Payments to serials that are neither issued nor issued by the file. */
const notIssued = (
  scheme: SchemeFile,
  infos: ReadonlyMap<number, Asked<ResponseOf<"product-info">>>,
): ReadonlyArray<Mistake> => {
  const ends = issuedEnds(scheme)
  return (scheme.funds ?? []).flatMap((fund, index) => {
    if (!("product" in fund)) return []
    const info = infos.get(fund.product)
    if (info === "silent") return []
    const there = typeof info === "object" ? info.nextSerial : 0
    const issued = Math.max(there, ends.get(fund.product) ?? 0)
    const end = (fund.serial ?? 0) + (fund.count ?? 1)
    return end <= issued ||
      (info === "unknown" && issued === 0 && !scheme.products?.some((one) => one.number === fund.product))
      ? []
      : [
          wrong(
            ["funds", index, fund.count === undefined ? "product" : "count"],
            `product ${fund.product} has serials below ${issued} only, here and on the server`,
          ),
        ]
  })
}
