// The small scheme of the demo: a few merchants of a town, their terminals, and some cards.

/** ISO 4217's code for tests. */
export const TOWN_CURRENCY = 963

export const merchants = [
  { number: 970_001, name: "Mill Lane Bakery", currency: TOWN_CURRENCY, feeBasisPoints: 80 },
  { number: 970_002, name: "Station Kiosk", currency: TOWN_CURRENCY, feeBasisPoints: 120 },
  { number: 970_003, name: "Weir Books", currency: TOWN_CURRENCY, feeBasisPoints: 60 },
  { number: 970_004, name: "Night Pharmacy", currency: TOWN_CURRENCY, feeBasisPoints: 90 },
] as const

export const TERMINALS_PER_MERCHANT = 5
export const TERMINALS = merchants.length * TERMINALS_PER_MERCHANT
export const CARDS = 200
export const cardFirst = 5_970_000_000_000_000n
/** 30.00 */
export const OPENING_BALANCE = 3_000

const terminalFirst = 970_000_001

/** The number of terminal 0 … TERMINALS − 1; a merchant's terminals are neighbours. */
export const terminalNumber = (index: number): number => terminalFirst + index

export const merchantOf = (terminal: number): string =>
  merchants[Math.floor((terminal - terminalFirst) / TERMINALS_PER_MERCHANT)].name
