// What a kind of transaction has to say for itself. One file per family of kinds; `kinds/dispatch.ts` chooses by kind.
import type { Draft } from "../Draft.ts"
import type { Postings } from "../Postings.ts"

export interface KindRules {
  /**
   * The response code of a well-formed request whose card is known and whose currency is right. Reads the shard, the
   * memory and the scheme; writes nothing but the draft.
   */
  judge(draft: Draft): number
  /**
   * What an approved transaction of this kind, whose record begins at `at` of `words`, moves under terms `number`;
   * turned round with `sign` −1. Reads nothing else, so a journaled slot can be applied again without being judged.
   */
  post(
    words: Int32Array,
    at: number,
    terms: Int32Array,
    number: number,
    sign: number,
    postings: Postings,
  ): void
}

/** What a record's amount may be. */
export const AmountRule = { unknownKind: 0, zero: 1, positive: 2, any: 3 } as const
