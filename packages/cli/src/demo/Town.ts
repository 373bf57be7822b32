// The demo's scheme, read from its file, and the places in it that the story names.
import { fileURLToPath } from "node:url"
import { cardNumberOf } from "@millrace/ledger"
import { Effect } from "effect"
import { readScheme, type SchemeFile } from "../provision/SchemeFile.ts"

/** ISO 4217's code for tests, as in the file. */
export const TOWN_CURRENCY = 963

export const townFile = fileURLToPath(new URL("./town.yaml", import.meta.url))

/** Products, as the file numbers them. */
export const Product = { town: 1, gift: 2, student: 3, company: 4, patron: 5 } as const

/** Merchants, as the file numbers them. */
export const Merchant = {
  bakery: 970_001,
  kiosk: 970_002,
  pharmacy: 970_003,
  canteen: 970_004,
  petrol: 970_005,
} as const

/** The second person's code at the kiosk, as in the file. */
export const KIOSK_CODE = "471147"

export interface Town {
  readonly scheme: SchemeFile
  readonly terminals: ReadonlyArray<number>
  readonly terminalsOf: (merchant: number) => ReadonlyArray<number>
  readonly merchantName: (terminal: number) => string
  /** Cards of the file that a crowd pays with. */
  readonly crowdCards: ReadonlyArray<bigint>
}

export const readTown = Effect.map(readScheme(townFile), ({ scheme }): Town => {
  const { merchants = [], terminals = [] } = scheme
  const merchantOf = new Map<number, number>()
  for (const { first, count = 1, merchant } of terminals) {
    for (let number = first; number < first + count; number++) merchantOf.set(number, merchant)
  }
  const names = new Map(merchants.map(({ number, name }) => [number, name]))
  const all = [...merchantOf.keys()]
  return {
    scheme,
    terminals: all,
    terminalsOf: (merchant) => all.filter((terminal) => merchantOf.get(terminal) === merchant),
    merchantName: (terminal) => names.get(merchantOf.get(terminal) ?? 0) ?? String(terminal),
    crowdCards: [...visitors(scheme), ...issued(scheme, Product.town)],
  }
})

const visitors = ({ cards = [] }: SchemeFile): ReadonlyArray<bigint> =>
  cards.flatMap((entry) =>
    "first" in entry ? Array.from({ length: entry.count ?? 1 }, (_, i) => entry.first + BigInt(i)) : [],
  )

const issued = ({ cards = [], products = [] }: SchemeFile, product: number): ReadonlyArray<bigint> => {
  const { bin = "", digits = 16 } = products.find(({ number }) => number === product) ?? {}
  return cards.flatMap((entry) =>
    "first" in entry || entry.product !== product
      ? []
      : Array.from({ length: entry.count }, (_, i) => cardNumberOf(bin, digits, (entry.serial ?? 0) + i)),
  )
}
