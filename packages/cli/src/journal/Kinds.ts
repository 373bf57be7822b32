// What kinds of entries a journal has: the transactions of the wire, and what the engine does by itself.
import { kindNames } from "@millrace/protocol"

/**
 * A transfer's `arrival` at its payee, and its `departure` from there when it is turned round; a hold that `expired`;
 * `periodic`, what time does to a card; `control`, a command; `bar`, a reversal that came first; `turned`, what a
 * reversal or void turned round.
 */
export const ownKinds = ["arrival", "departure", "expired", "periodic", "control", "bar", "turned"] as const
export type OwnKind = (typeof ownKinds)[number]

export const entryKinds: ReadonlyArray<string> = [...kindNames, ...ownKinds]
