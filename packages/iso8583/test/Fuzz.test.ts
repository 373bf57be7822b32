// A sample of `npm run fuzz`: every reader of bytes stands what is thrown at it.
import { Result } from "effect"
import { expect, it } from "vitest"
import { decode, IsoProblem } from "../src/index.ts"
import { dialects, turned } from "./arbitraries.ts"
import { isoTargets } from "./fuzz/isoTargets.ts"
import { sampleOf } from "./fuzz/messages.ts"
import { nativeTargets } from "./fuzz/nativeTargets.ts"
import { Random } from "./fuzz/Random.ts"

const INPUTS = 3_000

it.each([...isoTargets(), ...nativeTargets()])("$name: refuses in words, or takes", ({ run }) => {
  const random = new Random()
  const seed = Date.now() % 1_000_000
  let good = 0
  for (let i = 0; i < INPUTS; i++) {
    random.begin(seed, i)
    try {
      if (run(random)) good++
    } catch (error) {
      throw new Error(`input ${i} of seed ${seed}`, { cause: error })
    }
  }
  // Neither all nor nothing: inputs that are all refused at the first byte would show nothing.
  expect(good).toBeGreaterThan(INPUTS / 100)
  expect(good).toBeLessThan(INPUTS)
})

it("every single byte of a message may be anything", () => {
  const random = new Random()
  for (const dialect of [...dialects, ...dialects.map(turned)]) {
    random.begin(1, 1)
    const { bytes } = sampleOf(dialect, random)
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      for (let value = 0; value < 256; value++) {
        changed[at] = value
        const decoded = decode(changed, dialect)
        if (Result.isFailure(decoded)) expect(decoded.failure).toBeInstanceOf(IsoProblem)
      }
    }
  }
})
