// A lost or worn card's successor: its number, what it costs, and what passes to it.
import { CardNumber, cardNumberOf, serialsOf } from "../CardNumbers.ts"
import { CardStatus, type Cards } from "../Cards.ts"
import type { ResolvedLifecycle } from "../Command.ts"
import { CARDS_PER_SHARD_MAX } from "../limits.ts"
import { Account, type Postings } from "../Postings.ts"
import type { Scheme } from "../Scheme.ts"
import type { Shard } from "../Shard.ts"
import { addOfProduct, expiryOf } from "./cards.ts"
import { type ControlRefusal, post, postingsOf, refusal, type World } from "./World.ts"

type Replacement = NonNullable<ResolvedLifecycle["resolved"]["replacement"]>

/** One serial in 64 at least falls into a shard: that none of so many does will not happen. */
const SERIALS_TRIED_MAX = 8_192

/** The next serial of the card's product whose number falls into the card's own shard, so that its money stays there. */
export const findReplacement = (
  world: World,
  shard: Shard,
  slot: number,
): { readonly ok: true; readonly at: Replacement; readonly card: bigint } | ControlRefusal => {
  const { scheme, day } = world
  const product = scheme.products.at(shard.cards.product(slot))
  const { bin, digits, replacementFee } = product
  if (bin === "")
    return refusal("conflict", "cards of the open product can't be replaced: it makes no numbers")
  if (shard.cards.count === CARDS_PER_SHARD_MAX) {
    return refusal("full", `a shard may hold ${CARDS_PER_SHARD_MAX} cards`)
  }
  const fee = Math.min(replacementFee, Math.max(0, shard.cards.balance(slot, 0)))
  if (!world.canPost(shard, replacementPostings(scheme, shard.cards, slot, fee))) {
    return refusal("full", "an account would pass 2^53 - 1")
  }
  const first = scheme.products.nextSerial(product.slot)
  const end = Math.min(first + SERIALS_TRIED_MAX, serialsOf(bin, digits))
  for (let serial = first; serial < end; serial++) {
    const card = cardNumberOf(bin, digits, serial)
    const { hash, lo, hi } = new CardNumber(card)
    if (world.shardOf(hash) !== shard || shard.cards.find(hash, lo, hi) >= 0) continue
    return {
      ok: true,
      at: { product: product.number, serial, day, expiresDay: expiryOf(product, day), fee },
      card,
    }
  }
  return refusal("full", `product ${product.number} has no serial left for this card`)
}

export const replacementPostings = (scheme: Scheme, cards: Cards, slot: number, fee: number): Postings =>
  postingsOf(scheme.merchants.accountsOf(cards.currency(slot)), [
    [Account.purse, -fee],
    [Account.feeIncome, fee],
  ])

export const putReplacement = (shard: Shard, slot: number, at: Replacement, scheme: Scheme): void => {
  const { cards } = shard
  const product = scheme.products.at(cards.product(slot))
  post(shard, replacementPostings(scheme, cards, slot, at.fee))
  cards.addTo(slot, 0, -at.fee)
  const number = new CardNumber(cardNumberOf(product.bin, product.digits, at.serial))
  const nonce = cards.nonce(slot)
  const fresh = addOfProduct(shard, number, product, CardStatus.active, at.day, at.expiresDay, nonce)
  // The old card was its holder's, though its product may not name cards.
  cards.setNamed(fresh)
  cards.replace(slot, fresh)
  const status = cards.status(slot)
  if (status !== CardStatus.lost && status !== CardStatus.stolen) cards.setStatus(slot, CardStatus.lost)
}
