import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Flight } from "../src/Flight.ts"
import { InFlight } from "../src/InFlight.ts"

const flights = Array.from({ length: 4 }, () => new Flight(new Uint8Array(64), () => {}))

describe("InFlight", () => {
  it("does what a Map of bounded size does", () => {
    // Few keys, so that they meet; of a kind that share bits, as references do.
    const key = fc.record({
      terminal: fc.constantFrom(1, 2, 1001),
      lo: fc.integer({ min: 0, max: 7 }).map((n) => (n << 22) >>> 0),
      hi: fc.constantFrom(0, 0xffff_ffff),
    })
    const step = fc.record({
      key,
      act: fc.constantFrom("add", "add", "remove", "find"),
      flight: fc.nat(3),
      unit: fc.nat(),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
        const table = new InFlight(capacity)
        const model = new Map<string, readonly [Flight, number]>()
        for (const { key, act, flight, unit } of steps) {
          const name = `${key.terminal}/${key.lo}/${key.hi}`
          if (act === "add") {
            const fits = !model.has(name) && model.size < capacity
            expect(table.add(key.terminal, key.lo, key.hi, flights[flight], unit)).toBe(fits)
            if (fits) model.set(name, [flights[flight], unit])
          } else if (act === "remove") {
            table.remove(key.terminal, key.lo, key.hi)
            model.delete(name)
          }
          const found = table.find(key.terminal, key.lo, key.hi)
          expect(found).toBe(model.get(name)?.[0] ?? null)
          if (found !== null) expect(table.unit).toBe(model.get(name)?.[1])
          expect(table.size).toBe(model.size)
        }
      }),
      { numRuns: 300 },
    )
  })

  it("holds what terminals make of references, up to its size, and gives every place back", () => {
    const table = new InFlight(16_384)
    const terminal = (n: number) => 1001 + (n % 16)
    const all = Array.from({ length: 16_384 }, (_, n) => n)
    expect(all.every((n) => table.add(terminal(n), n >>> 4, 0x6672_0b30, flights[0], n))).toBe(true)
    expect(table.add(1, 1, 1, flights[0], 0)).toBe(false)
    expect(all.every((n) => table.find(terminal(n), n >>> 4, 0x6672_0b30) !== null && table.unit === n)).toBe(
      true,
    )
    for (const n of all) table.remove(terminal(n), n >>> 4, 0x6672_0b30)
    expect(table.size).toBe(0)
    expect(table.add(1, 1, 1, flights[0], 0)).toBe(true)
  })
})
