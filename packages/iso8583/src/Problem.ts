// Why a message is none, as a value: a code, the field and the byte where it was seen, and never what stood there.
import type { Message } from "./Message.ts"

export type IsoProblemCode =
  /** The bytes end inside a field. */
  | "too-short"
  /** Bytes follow the last field. */
  | "too-long"
  /** More bytes than a message of this dialect may have. */
  | "message-too-long"
  /** No message type of this dialect's version. */
  | "bad-mti"
  | "bad-bitmap"
  /** The bitmap names a field that the dialect doesn't have. */
  | "unknown-field"
  /** A length that is no number, or beyond the field's largest. */
  | "bad-length"
  /** A character that the field's type doesn't have, or a value that doesn't fit. */
  | "bad-value"
  /** A field that this message must have isn't there. */
  | "missing-field"
  /** A frame whose length can't be. */
  | "bad-frame"

/** Field 0 of a problem is the message type, 1 the bitmap. */
export interface ProblemPlace {
  readonly field: number
  /** Bytes from the beginning of the message; where a problem has no byte, 0. */
  readonly at: number
}

export class IsoProblem {
  readonly _tag = "IsoProblem"
  readonly code: IsoProblemCode
  readonly field: number
  readonly at: number
  /** For people; holds no value of any field. */
  readonly message: string
  // Private so that nothing that prints a problem prints a card number with it.
  readonly #partial: Message | undefined

  constructor(code: IsoProblemCode, place: ProblemPlace, message: string, partial?: Message) {
    this.code = code
    this.field = place.field
    this.at = place.at
    this.message = message
    this.#partial = partial
  }

  /** What had been read before the problem, from which a refusal (30) takes what it echoes. Unchecked, and secret. */
  get partial(): Message | undefined {
    return this.#partial
  }
}
