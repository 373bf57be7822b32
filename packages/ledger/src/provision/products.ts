// Card products put.
import type { ProductCommand } from "../Command.ts"
import { DIGITS_DEFAULT } from "../commands/products.ts"
import { PRODUCTS_MAX } from "../limits.ts"
import { OPEN_PRODUCT, type Product } from "../Products.ts"
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
    const other = overlapping(scheme, command)
    if (other !== undefined) {
      const taken = `numbers of ${other.digits} digits that begin with ${other.bin} are product ${other.number}'s`
      return refusal("conflict", taken)
    }
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

/** A product some of whose numbers would be the command's, too: one of the two could not go on issuing. */
const overlapping = ({ products }: Scheme, command: ProductCommand): Product | undefined => {
  const { bin, digits = DIGITS_DEFAULT } = command
  for (let slot = OPEN_PRODUCT + 1; slot < products.count; slot++) {
    const other = products.at(slot)
    if (other.digits === digits && (other.bin.startsWith(bin) || bin.startsWith(other.bin))) return other
  }
  return undefined
}

export const putProduct = ({ products, merchants }: Scheme, command: ProductCommand): void => {
  merchants.addCurrency(command.currency)
  products.put(command)
}
