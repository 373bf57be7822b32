/** Who may ask what. A session that may only transact asks about its own terminals alone. */
import type { Permission, Request, RequestType } from "@millrace/protocol/messages"
import type { Identity } from "../Identities.ts"
import type { Fault } from "../Session.ts"

const anybody: ReadonlyArray<Permission> = []
const asked: ReadonlyArray<Permission> = ["inspect", "transact"]

/** Any one of these is enough. */
export const permissionsFor: { readonly [type in RequestType]: ReadonlyArray<Permission> } = {
  echo: anybody,
  transact: ["transact"],
  merchant: ["provision"],
  float: ["operate"],
  code: ["operate"],
  terminals: ["provision"],
  terminal: ["provision"],
  host: ["administer"],
  "rotate-key": ["administer"],
  "rotate-data-key": ["administer"],
  "iso-keys": ["administer"],
  calendar: ["administer"],
  product: ["provision"],
  cards: ["provision"],
  issue: ["provision"],
  lifecycle: ["operate"],
  fund: ["operate"],
  pin: ["operate"],
  "check-card": asked,
  card: ["inspect"],
  history: asked,
  query: asked,
  receipt: asked,
  totals: asked,
  hotlist: asked,
  "terminal-info": asked,
  "merchant-info": ["inspect", "provision"],
  "product-info": ["inspect", "provision"],
  accounts: ["inspect"],
}

/** Of these a session that may only transact may ask for its own terminals. */
const ofTerminal: ReadonlySet<RequestType> = new Set(["query", "receipt", "totals", "terminal-info"])

/** Why this session may not ask that, or undefined. */
export const objection = (by: Identity, request: Request): Fault | undefined => {
  const needed = permissionsFor[request.type]
  if (needed.length > 0 && !needed.some((permission) => by.permissions.includes(permission))) {
    return {
      code: "not-permitted",
      message: `${by.name} lacks the permission ${needed.join(" or ")}`,
    }
  }
  if (!ofTerminal.has(request.type) || by.permissions.includes("inspect")) return undefined
  if ("terminal" in request && !by.mayActFor(request.terminal)) {
    return { code: "not-permitted", message: `${by.name} may not act for terminal ${request.terminal}` }
  }
  return undefined
}
