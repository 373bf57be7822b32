// The one form in which each command is journaled: which fields, in which order, whatever else the caller's object carries.
import type { Command, ResolvedCommand } from "../Command.ts"

/** Of every command's head slot. */
export const commandCodes = {
  merchant: 1,
  terminals: 2,
  cards: 3,
  host: 4,
  float: 5,
  code: 6,
  terminal: 7,
  product: 8,
  issue: 9,
  lifecycle: 10,
  fund: 11,
  pin: 12,
  calendar: 13,
} as const satisfies Record<Command["type"], number>

/** A value as it is (whole), each item of a list, or an object's fields. */
type Shape = typeof whole | ReadonlyArray<Shape> | { readonly [field: string]: Shape }
const whole = 1
const plan: Shape = [{ upTo: whole, fixed: whole, basisPoints: whole, min: whole, max: whole }]

const shapes: { readonly [T in Command["type"]]: { readonly [field: string]: Shape } } = {
  merchant: {
    number: whole,
    name: whole,
    currency: whole,
    feeBasisPoints: whole,
    purchaseFee: plan,
    rechargeFee: plan,
    commission: plan,
    mcc: whole,
    status: whole,
    floatLimit: whole,
    codeAbove: whole,
    settlement: whole,
    alarm: { floatBelow: whole },
  },
  float: { merchant: whole, amount: whole, reference: whole, resolved: { repeat: whole } },
  code: { merchant: whole, verifier: whole },
  terminals: { first: whole, count: whole, merchant: whole },
  terminal: {
    number: whole,
    status: whole,
    kinds: whole,
    amountMax: whole,
    parameters: whole,
    message: whole,
    rotateKey: whole,
  },
  product: {
    number: whole,
    name: whole,
    currency: whole,
    bin: whole,
    digits: whole,
    named: whole,
    singleUse: whole,
    validMonths: whole,
    pin: { rule: whole, freeMax: whole, tries: whole },
    limits: {
      transactionMax: whole,
      dayAmountMax: whole,
      dayCountMax: whole,
      monthAmountMax: whole,
      monthCountMax: whole,
    },
    recharge: { allowed: whole, min: whole, max: whole, balanceMax: whole },
    transfers: { allowed: whole, fee: plan },
    deposit: whole,
    replacementFee: whole,
    categories: whole,
    hold: { hours: whole, toleranceBasisPoints: whole },
    purses: [{ purse: whole, name: whole, categories: whole, credit: whole, validDays: whole }],
    credit: whole,
    order: whole,
    bonus: { basisPoints: whole, min: whole, max: whole, monthly: whole },
    dormant: { afterMonths: whole, fee: whole },
  },
  cards: {
    first: whole,
    count: whole,
    currency: whole,
    openingBalance: whole,
    product: whole,
    resolved: { day: whole },
  },
  issue: {
    product: whole,
    serial: whole,
    count: whole,
    nonce: whole,
    active: whole,
    holder: whole,
    resolved: { repeat: whole, day: whole, expiresDay: whole, deposit: whole },
  },
  lifecycle: {
    card: whole,
    action: whole,
    reason: whole,
    holder: whole,
    resolved: {
      repeat: whole,
      hot: whole,
      replacement: { product: whole, serial: whole, day: whole, expiresDay: whole, fee: whole },
    },
  },
  fund: {
    card: whole,
    purse: whole,
    amount: whole,
    reference: whole,
    expiresDay: whole,
    resolved: { repeat: whole, expiresDay: whole },
  },
  pin: { card: whole, verifier: whole },
  calendar: { utcOffsetMinutes: whole },
  host: { id: whole, terminals: whole, permissions: whole, rotateKey: whole },
}

/** Only the fields of the command, in one order; those that are absent stay absent. */
export const normal = <C extends Command | ResolvedCommand>(command: C): C =>
  pick(command, { type: whole, by: whole, ...shapes[command.type] }) as C // every field of its type has a place in its shape

const pick = (value: unknown, shape: Shape): unknown => {
  // Minus zero would be kept as it is here, and be zero when it comes back from the journal.
  if (shape === whole || value === undefined) return value === 0 ? 0 : value
  if (Array.isArray(shape)) {
    return (value as ReadonlyArray<unknown>).map((item) => pick(item, shape[0])) // a list, as its check said
  }
  const picked: Record<string, unknown> = {}
  for (const [field, of] of Object.entries(shape)) {
    const part = pick((value as Record<string, unknown>)[field], of) // an object, as its check said
    if (part !== undefined) picked[field] = part
  }
  return picked
}
