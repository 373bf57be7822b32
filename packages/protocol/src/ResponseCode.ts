// What an outcome says: ISO 8583 response codes as numbers, with their names and a sentence for people.

/** Bytes 28..30 of an outcome. The numbers are ISO 8583's (1987) field 39, read as a decimal number. */
export const ResponseCode = {
  approved: 0,
  doNotHonour: 5,
  /** Approved for less than was asked: `available` is the approved amount, and nothing is left. */
  partiallyApproved: 10,
  invalidTransaction: 12,
  badAmount: 13,
  noSuchCard: 14,
  originalUnknown: 25,
  format: 30,
  cardLost: 41,
  cardStolen: 43,
  insufficientFunds: 51,
  cardExpired: 54,
  wrongPin: 55,
  notPermittedToCard: 57,
  notPermittedToTerminal: 58,
  overLimit: 61,
  cardRestricted: 62,
  overFrequency: 65,
  tooLate: 68,
  pinTriesExceeded: 75,
  unavailable: 91,
  duplicate: 94,
  reconcileError: 95,
  malfunction: 96,
} as const

export type ResponseName = keyof typeof ResponseCode
export type ResponseCode = (typeof ResponseCode)[ResponseName]

const texts: { readonly [name in ResponseName]: string } = {
  approved: "Approved",
  doNotHonour: "Refused without a reason to give",
  partiallyApproved: "Approved for a part of the amount",
  invalidTransaction: "Invalid transaction",
  badAmount: "Invalid amount",
  noSuchCard: "No such card",
  originalUnknown: "The original transaction is not known",
  format: "Format error",
  cardLost: "Card reported lost: retain it",
  cardStolen: "Card reported stolen: retain it",
  insufficientFunds: "Insufficient funds",
  cardExpired: "Card expired",
  wrongPin: "PIN or code wrong, or missing",
  notPermittedToCard: "Not permitted to this card",
  notPermittedToTerminal: "Not permitted to this terminal",
  overLimit: "Over a limit",
  cardRestricted: "Card locked, closed or not active",
  overFrequency: "Too many transactions",
  tooLate: "Too late: nothing was moved by this request",
  pinTriesExceeded: "PIN tries exceeded",
  unavailable: "Temporarily unavailable: nothing was done, send again",
  duplicate: "The reference was used before with other content",
  reconcileError: "Totals do not agree",
  malfunction: "System malfunction: nothing was done",
}

// Object.keys is typed string[]; the object above is const and has exactly these keys.
export const responseNames = Object.keys(ResponseCode) as ReadonlyArray<ResponseName>

const nameByCode = new Map<number, ResponseName>(responseNames.map((name) => [ResponseCode[name], name]))

/** The name of a response code, or undefined when this version knows none. */
export const responseName = (code: number): ResponseName | undefined => nameByCode.get(code)

/** A sentence for people; for a code of a later version, its number. */
export const responseText = (code: number): string => {
  const name = nameByCode.get(code)
  return name === undefined ? `Response ${code}` : texts[name]
}

/** Whether money moved, or a question was answered: the amount asked for or a part of it. */
export const isApproved = (code: number): boolean =>
  code === ResponseCode.approved || code === ResponseCode.partiallyApproved

/** As field 39 carries it: two digits. */
export const responseDigits = (code: number): string => String(code).padStart(2, "0")

/** Bytes 30..32 of an outcome. */
export const OutcomeFlag = {
  /** This is the first answer, given again; nothing moved. */
  duplicate: 1,
} as const
