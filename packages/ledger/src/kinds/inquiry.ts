// Questions that move nothing: balance.
import { ResponseCode } from "@millrace/protocol"
import type { KindRules } from "./KindRules.ts"

export const balance: KindRules = {
  judge() {
    return ResponseCode.approved
  },
  post(_words, _at, terms, number, _sign, postings) {
    postings.begin(terms, number)
  },
}
