// The ledger's model, for whoever judges a ledger by it: maps, lists and bigints, and no part of the ledger's own code but
// the shapes of commands.
export { commandSlots, decodeCommand, type ResolvedCommand as JournaledCommand } from "../Command.ts"
export { Account } from "../Postings.ts"
export type { Entry } from "./Memory.ts"
export { type Answer, Model } from "./Model.ts"
export { type Hold, netOf } from "./Parties.ts"
export type { Request } from "./Request.ts"
export { conservation, everything, inLedger, inModel } from "./state.ts"
