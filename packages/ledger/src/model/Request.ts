// A request as the model sees it.

export interface Request {
  readonly kind: number
  readonly terminal: number
  readonly reference: bigint
  readonly card: bigint
  readonly amount: number
  readonly original: bigint
  readonly currency: number
  readonly flags: number
  readonly counterparty: bigint
  /** The verifier of a PIN or of an authorisation code; 0: none given. */
  readonly pin: bigint
}

/** Math.max takes no bigints. */
export const greater = (a: bigint, b: bigint): bigint => [a, b][Number(b > a)]
