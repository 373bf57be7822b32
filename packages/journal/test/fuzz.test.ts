/** Any bytes in any file: a clean refusal, or what was written and nothing else. `npm run fuzz:disk` goes on for longer. */
import { assert, beforeAll, it, vi } from "vitest"
import { type Bases, makeBases } from "./fuzz/Bases.ts"
import { campaign } from "./fuzz/Campaign.ts"
import { check } from "./fuzz/Check.ts"

// A machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

let bases: Bases
beforeAll(async () => {
  bases = await makeBases()
})

it("a changed directory is refused with the place and a remedy, or gives back what was written", async () => {
  const seed = 7_000_000
  const { tally, failure } = await campaign(bases, seed, 900)
  assert.isUndefined(failure, `${JSON.stringify(failure)}; again: npm run fuzz:disk -- --inputs 1 --seed N`)
  // The changes reach all three: fewer would show that they are all refused at the door.
  assert.isAbove(tally.refused, 500)
  assert.isAbove(tally.whole, 20)
  assert.isAbove(tally.prefix, 3)
})

it("what isn't changed is whole", async () => {
  for (const { disk } of bases.bases) {
    assert.equal(await check(disk.copy(), bases.histories, "all"), "whole")
  }
})

it("the check sees what was never written, and what says that nothing was changed and lies", async () => {
  const [closed] = bases.bases
  const [, , foreign] = bases.histories
  const told = await check(closed!.disk.copy(), [foreign!], "all").then(String, String)
  assert.match(told, /something was read that was never written/)

  const liar = closed!.disk.copy()
  liar.put("snapshots/00000000000000000020/manifest.json", Buffer.from("{}"))
  liar.fault = (operation, path) => {
    if (operation === "read" && path.includes("0020/manifest")) liar.put("begun", Buffer.from("x"))
    return undefined
  }
  assert.match(await check(liar, bases.histories, "all").then(String, String), /it was changed/)
})
