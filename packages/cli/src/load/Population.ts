// The merchant, terminals and cards that a load uses: numbers of its own, far from those of a real scheme.

/** ISO 4217's code for tests. */
export const LOAD_CURRENCY = 963

export const loadMerchant = {
  number: 990_001,
  name: "Load test",
  currency: LOAD_CURRENCY,
  feeBasisPoints: 50,
  /** Recharges come out of its float: it may go as far below zero as any run will take it. */
  floatLimit: 4_000_000_000_000_000,
}

/** Connection n speaks for terminal `loadTerminalFirst + n`. */
export const loadTerminalFirst = 990_000_001

/** Card n is `loadCardFirst + n`: sixteen digits, and within 2^53. */
export const loadCardFirst = 5_990_000_000_000_000

/** 1,000.00: about forty purchases. */
export const LOAD_OPENING_BALANCE = 100_000

export const LOAD_CARDS_MAX = 100_000_000
export const LOAD_CONNECTIONS_MAX = 16_384
