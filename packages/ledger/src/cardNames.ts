// The states that a card can be in, and the places of its purses.
import { type PurseName, purseNames } from "@millrace/protocol"

/** `expired` is never stored: it is what an expiry date makes of a card. */
export const CardStatus = {
  issued: 0,
  active: 1,
  locked: 2,
  lost: 3,
  stolen: 4,
  blacklisted: 5,
  returned: 6,
  cancelled: 7,
  closed: 8,
  expired: 9,
} as const
export type CardStatusName = keyof typeof CardStatus
// Object.keys is typed string[]; the object above is const and has exactly these keys, in the order of their numbers.
export const cardStatusNames = Object.keys(CardStatus) as ReadonlyArray<CardStatusName>

/** Fixed places; a product says which of them its cards have. */
export const Purse = {
  main: 0,
  bonus: 1,
  category1: 2,
  category2: 3,
  category3: 4,
  category4: 5,
  category5: 6,
  category6: 7,
  points: 8,
} as const satisfies { readonly [name in PurseName]: number }
export const PURSES = purseNames.length
