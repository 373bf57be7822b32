// A periodic slot carried out: told by the slot and the shard alone, as Moves does for transactions.
import { RecordWord } from "@millrace/protocol"
import { PURSES, Purse } from "./Cards.ts"
import type { Merchants } from "./Merchants.ts"
import type { Moves } from "./Moves.ts"
import { Account } from "./Postings.ts"
import type { Shard } from "./Shard.ts"
import { currencyAt, dayAt, SlotBit, SlotWord, u53At } from "./Slot.ts"

/** Purses that expired → breakage; locked bonus → bonus purse; main purse → fee income. */
export const postPeriodic = (
  { postings }: Moves,
  merchants: Merchants,
  words: Int32Array,
  doubles: Float64Array,
  at: number,
): void => {
  const released = u53At(words, at + RecordWord.amountLo)
  const fee = u53At(words, at + RecordWord.originalLo)
  const expired = doubles[(at + SlotWord.available) >>> 1]
  postings.begin(0, merchants.accountsOf(currencyAt(words, at)))
  postings.add(Account.purse, released - fee - expired)
  postings.add(Account.bonusLocked, -released)
  postings.add(Account.feeIncome, fee)
  postings.add(Account.breakage, expired)
}

/** What postPeriodic has worked out, carried out. */
export const commitPeriodic = (
  { postings }: Moves,
  shard: Shard,
  card: number,
  words: Int32Array,
  at: number,
): void => {
  const { cards } = shard
  const released = u53At(words, at + RecordWord.amountLo)
  const fee = u53At(words, at + RecordWord.originalLo)
  const mask = words[at + RecordWord.counterpartyLo]
  postings.assertBalanced()
  shard.accounts.apply(postings)
  for (let purse = 1; purse < PURSES; purse++) {
    if ((mask & (1 << purse)) === 0) continue
    cards.addTo(card, purse, -cards.balance(card, purse))
    cards.setPurseExpires(card, purse, 0)
  }
  if (released > 0) {
    cards.addBonusLocked(card, -released)
    cards.refresh(card, Purse.bonus, dayAt(words, at))
    cards.addTo(card, Purse.bonus, released)
  }
  if (fee > 0) cards.addTo(card, Purse.main, -fee)
  cards.setMonthsLeft(card, (words[at + SlotWord.terms] >>> SlotBit.purseShift) & 0xf)
  cards.setPeriodMonth(card, words[at + RecordWord.counterpartyHi])
}
