import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { defaultSimulation, type Fault, faultNames, simulate } from "../src/index.ts"

const traceOf = (seed: number): string => {
  const script = `
    import { defaultSimulation, simulate } from "${new URL("../src/index.ts", import.meta.url).href}"
    const { trace, digest } = await simulate(${seed}, { ...defaultSimulation, trace: true })
    console.log([...trace, digest].join("\\n"))`
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", script],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  )
  if (status !== 0) throw new Error(stderr)
  return stdout
}

describe("a run", { timeout: 600_000 }, () => {
  it("is the same from the same seed, to the byte, in another process and after other runs", async () => {
    for (const seed of [4, 11]) {
      const [one, other] = [traceOf(seed), traceOf(seed)]
      expect(one.split("\n").length).toBeGreaterThan(200)
      expect(one).toBe(other)
      await simulate(seed + 1)
      const { trace, digest } = await simulate(seed, { ...defaultSimulation, trace: true })
      expect(`${[...trace, digest].join("\n")}\n`).toBe(one)
    }
  })

  it("is another one from another seed", async () => {
    const digests = [await simulate(1), await simulate(2)].map(({ digest }) => digest)
    expect(digests[0]).not.toBe(digests[1])
  })

  it("violates nothing: twenty seeds, which together know most faults", async () => {
    const known = new Set<Fault>()
    for (let seed = 1; seed <= 20; seed++) {
      const { violation, faults, answers } = await simulate(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      expect(answers, `seed ${seed}`).toBeGreaterThan(0)
      for (const fault of faults) known.add(fault)
    }
    expect(known.size).toBeGreaterThan(faultNames.length / 2)
  })

  it("without faults loses no connection and needs two starts: its own, and the one that looks", async () => {
    const { violation, starts, faults, destroyed } = await simulate(1, {
      ...defaultSimulation,
      without: new Set(faultNames),
    })
    expect({ violation, starts, faults, destroyed }).toEqual({
      violation: undefined,
      starts: 2,
      faults: [],
      destroyed: undefined,
    })
  })
})
