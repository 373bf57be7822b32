// Card products put.
import type { ProductCommand } from "../Command.ts"
import { DIGITS_DEFAULT } from "../commands/products.ts"
import { PRODUCTS_MAX } from "../limits.ts"
import type { Scheme } from "../Scheme.ts"
import { fullOfPlans, hasRoomForPlans, plansOf } from "./merchants.ts"
import { type Resolution, refusal, resolved, type World } from "./World.ts"

/** What cards that were made already depend on. */
const fixedFields = ["currency", "bin", "digits", "named"] as const

export const resolveProduct = ({ scheme }: World, command: ProductCommand): Resolution => {
  const { products, merchants } = scheme
  if (!hasRoomForPlans(scheme, plansOf(command))) return refusal("full", fullOfPlans)
  const slot = products.slotOf(command.number)
  if (slot < 0) {
    if (products.count === PRODUCTS_MAX) return refusal("full", `there are ${PRODUCTS_MAX} products`)
    if (!merchants.canTakeCurrency(command.currency)) return refusal("full", "there are too many currencies")
    return resolved(command, 1, 0)
  }
  const before = products.at(slot)
  const { currency, bin, digits = DIGITS_DEFAULT, named = false } = command
  const given = { currency, bin, digits, named }
  const other = fixedFields.find((field) => before[field] !== given[field])
  return other === undefined
    ? resolved(command, 0, 1)
    : refusal("conflict", `product ${command.number} keeps its ${other}: ${before[other]}`)
}

export const putProduct = ({ products, merchants }: Scheme, command: ProductCommand): void => {
  merchants.addCurrency(command.currency)
  products.put(command)
}
