import { expect, it } from "vitest"
import { didYouMean, nearest } from "../src/NearMiss.ts"

const known = ["shards", "seatsMax", "port"]

it.each([
  ["shard", "shards"],
  ["shadrs", "shards"],
  ["SeatsMax", "seatsMax"],
  ["prot", "port"],
  ["colour", undefined],
])("%s → %s", (word, meant) => {
  expect(nearest(word, known)).toBe(meant)
})

it("says it as a question, or not at all", () => {
  expect(didYouMean("prot", known)).toBe(' (did you mean "port"?)')
  expect(didYouMean("colour", known)).toBe("")
})
