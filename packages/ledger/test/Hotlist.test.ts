// Whoever follows the hotlist by its changes has the list, however often he asks and how little he takes at a time.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Hotlist, type HotlistEntry } from "../src/Hotlist.ts"
import { readPiece } from "../src/Image.ts"

const card = fc.oneof(
  fc.bigInt({ min: 1n, max: 12n }),
  fc.constantFrom(2n ** 32n + 1n, 2n ** 63n + 5n, 9_999_999_999_999_999_999n),
)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ card, code: fc.constantFrom(41, 43, 5) }) },
  { weight: 2, arbitrary: card.map((card) => ({ card, code: 0 })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }).map((max) => ({ follow: max })) },
  { weight: 1, arbitrary: fc.constant("image" as const) },
)

const restoredFrom = (hotlist: Hotlist): Hotlist => {
  const restored = new Hotlist()
  for (const bytes of hotlist.freeze()) restored.restore("scheme", readPiece("scheme", bytes))
  hotlist.thaw()
  return restored
}

/** A terminal's copy. */
class Follower {
  readonly codes = new Map<bigint, number>()
  version = 0

  take(changes: ReadonlyArray<HotlistEntry>): void {
    for (const { version, card, code } of changes) {
      expect(version).toBeGreaterThan(this.version)
      this.version = version
      if (code === 0) this.codes.delete(card)
      else this.codes.set(card, code)
    }
  }
}

describe("the hotlist", () => {
  it("is what its followers have, also across images", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let hotlist = new Hotlist()
        const model = new Map<bigint, number>()
        const follower = new Follower()
        let version = 0
        for (const step of steps) {
          if (step === "image") hotlist = restoredFrom(hotlist)
          else if ("follow" in step) follower.take(hotlist.changes(follower.version, step.follow))
          else {
            if ((model.get(step.card) ?? 0) !== step.code) version++
            if (step.code === 0) hotlist.remove(step.card)
            else hotlist.put(step.card, step.code)
            if (step.code === 0) model.delete(step.card)
            else model.set(step.card, step.code)
          }
          expect(hotlist.version).toBe(version)
          const anew = hotlist.changes(0, 1_000)
          expect(new Map(anew.map(({ card, code }) => [card, code]))).toEqual(model)
          expect(anew.map(({ version }) => version)).toEqual(
            anew.map(({ version }) => version).sort((a, b) => a - b),
          )
        }
        for (const [card, code] of model) expect(hotlist.codeOf(card)).toBe(code)
        expect(hotlist.codeOf(77n)).toBe(0)
        for (;;) {
          const changes = hotlist.changes(follower.version, 3)
          if (changes.length === 0) break
          follower.take(changes)
        }
        expect(follower.codes).toEqual(model)
      }),
    )
  })

  it("stays small when cards go on and off it all the time", () => {
    const hotlist = new Hotlist()
    hotlist.put(1n, 41)
    for (let i = 0; i < 20_000; i++) {
      hotlist.put(2n, 43)
      hotlist.remove(2n)
    }
    expect(hotlist.version).toBe(40_001)
    expect(hotlist.count).toBe(2)
    expect(hotlist.logged).toBeLessThan(5_000)
    expect(hotlist.changes(0, 10)).toEqual([{ version: 1, card: 1n, code: 41 }])
    expect(hotlist.changes(1, 10)).toEqual([{ version: 40_001, card: 2n, code: 0 }])
    expect(hotlist.changes(40_001, 10)).toEqual([])
  })

  it("gives the image of the moment of the freeze", () => {
    const hotlist = new Hotlist()
    for (let i = 1n; i <= 10_000n; i++) hotlist.put(i, 41)
    const expected = hotlist.changes(0, 20_000)
    const restored = new Hotlist()
    for (const bytes of hotlist.freeze()) {
      restored.restore("scheme", readPiece("scheme", bytes))
      for (let i = 1n; i <= 10_500n; i += 9n) hotlist.put(i, hotlist.codeOf(i) === 43 ? 5 : 43)
    }
    hotlist.thaw()
    expect(restored.changes(0, 20_000)).toEqual(expected)
    expect(restored.version).toBe(10_000)
  })
})
