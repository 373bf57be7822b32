import { expect, it } from "vitest"
import { runHere } from "../here.ts"

const shrink = (...more: ReadonlyArray<string>) => runHere(["simulate", "--steps", "3", "--shrink", ...more])

it("says that there is nothing to shrink where every run passes, and ends well", async () => {
  const { code, stdout, stderr } = await shrink("--seed", "7")
  expect([code, stdout]).toEqual([0, ""])
  expect(stderr).toMatch(
    /^no violation.*\n.*\nnothing to shrink: seed 7 passes, and only a run that fails is made/m,
  )
  const two = await shrink("--seeds", "2", "--json")
  expect([two.code, JSON.parse(two.stdout)]).toMatchObject([0, { seeds: 2, violations: 0 }])
  expect(two.stderr).toBe("nothing to shrink: all 2 seeds pass, and only a run that fails is made smaller\n")
})
