// What money does: cards, purses, merchants, postings, and the memory that makes each request happen once.

export { cardNumberOf } from "./CardNumbers.ts"
export { type CardStatusName, cardStatusNames, Purse } from "./Cards.ts"
export type * from "./Command.ts"
export { READ_AHEAD_MAX } from "./Decider.ts"
export { Defect, ImageRefused, JournalGap, ReplayDiverged } from "./errors.ts"
export { type ImageSource, imageVersions } from "./Image.ts"
export { Ledger, type LedgerOptions } from "./Ledger.ts"
export {
  ACCOUNT_MAX,
  CARD_NUMBER_MAX,
  CARDS_PER_COMMAND_MAX,
  CARDS_PER_SHARD_MAX,
  COMMAND_BYTES_MAX,
  HOST_RANGES_MAX,
  HOSTS_MAX,
  MERCHANTS_MAX,
  NAME_CHARACTERS_MAX,
  PIECE_BYTES_MAX,
  SHARDS_MAX,
  SLOTS_PER_REQUEST_MAX,
  TERMINALS_MAX,
  TERMINALS_PER_COMMAND_MAX,
  TRANSACTIONS_DEFAULT,
  TRANSACTIONS_MAX,
  TRANSACTIONS_MIN,
} from "./limits.ts"
export type { Memory, MemoryPages } from "./Memory.ts"
export type { Merchant } from "./Merchants.ts"
export { masked } from "./mask.ts"
export type { Product } from "./Products.ts"
export type {
  ControlDone,
  ControlRefusal,
  ControlRefusalCode,
  ControlResult,
} from "./Provisioner.ts"
export type { ShardRebuild } from "./Rebuild.ts"
export type { Host, Scheme, Terminal } from "./Scheme.ts"
export type { Shard } from "./Shard.ts"
export {
  SLOT_BYTES,
  SLOT_WORDS,
  SlotBit,
  SlotDouble,
  SlotKind,
  SlotWord,
  SPLIT_LOCKED,
  SplitDouble,
  SplitWord,
  slotVersions,
} from "./Slot.ts"
export type { AccountTotals, PurseAudit } from "./totals.ts"
export type { CardView, TerminalTotals, TotalsRow, TransactionView } from "./Views.ts"
