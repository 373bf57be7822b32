// What each kind answers to each card status: the table as it was agreed, apart from the code.
import type { KindName } from "@millrace/protocol"

export const statusNames = [
  "issued",
  "active",
  "locked",
  "lost",
  "stolen",
  "blacklisted",
  "returned",
  "cancelled",
  "closed",
  "expired",
] as const
export type StatusName = (typeof statusNames)[number]

const refusals = {
  issued: 62,
  active: 0,
  locked: 62,
  lost: 41,
  stolen: 43,
  blacklisted: 5,
  returned: 14,
  cancelled: 14,
  closed: 62,
  expired: 54,
} as const
type Statuses = { readonly [status in StatusName]: number }

/** What a card spends, gains or shows of its own will. */
const ownWill: Statuses = refusals
/** What a merchant gives back. */
const givenBack: Statuses = { ...refusals, locked: 0, closed: 0, expired: 0 }
/** What was promised before. */
const promised: Statuses = { ...givenBack, lost: 0, stolen: 0 }
/** What undoes. */
const undone: Statuses = { ...promised, issued: 0, blacklisted: 0 }

/** Every kind that is about a card: all but close. 0 passes. */
export const statusTable: Readonly<Partial<Record<KindName, Statuses>>> = {
  balance: ownWill,
  purchase: ownWill,
  refund: givenBack,
  recharge: ownWill,
  reversal: undone,
  preauthorisation: ownWill,
  completion: promised,
  cancellation: undone,
  void: undone,
  transfer: ownWill,
  pinChange: ownWill,
}
