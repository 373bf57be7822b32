// An image of pages is of one moment, whatever is written while it is read.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { makePiece, readPiece } from "../src/Image.ts"
import { IntPages } from "../src/IntPages.ts"
import { Pages } from "../src/Pages.ts"

const TAG = 99
const STRUCT_WORDS = 256
/** 64 structs to a page: a few hundred make several. */
const START = 300

/** Structs as plain copies. */
const structsOf = (pages: Pages): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: pages.count }, (_, place) =>
    Array.from({ length: STRUCT_WORDS }, (_, word) => pages.word(place, word)),
  )

const restoredFrom = (pieces: ReadonlyArray<Uint8Array>): Pages => {
  const pages = new Pages(TAG, STRUCT_WORDS)
  for (const bytes of pieces) pages.restore("test", readPiece("test", bytes), "structs", 10_000)
  return pages
}

const filled = (count: number): Pages => {
  const pages = new Pages(TAG, STRUCT_WORDS)
  for (let i = 0; i < count; i++) pages.setWord(pages.place(), 0, i + 1)
  return pages
}

const step = fc.oneof(
  fc.record({ what: fc.constant("word" as const), at: fc.nat(), value: fc.integer() }),
  fc.record({ what: fc.constant("double" as const), at: fc.nat(), value: fc.double({ noNaN: true }) }),
  fc.record({ what: fc.constant("drop" as const), at: fc.nat() }),
  fc.record({ what: fc.constant("place" as const) }),
  fc.record({ what: fc.constant("capture" as const) }),
)

describe("pages", () => {
  it("give the image of the moment of the freeze, twice, and after one that was given up", () => {
    const pages = filled(START)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, isGivenUp) => {
        const expected = structsOf(pages)
        expect(pages.freeze()).toBe(expected.length)
        const pieces: Array<Uint8Array> = []
        const capture = () => {
          const piece = pages.capture()
          if (piece !== null) pieces.push(piece)
          return piece !== null
        }
        for (const step of steps) {
          if (step.what === "capture") capture()
          else if (step.what === "place") pages.setWord(pages.place(), 1, -7)
          else if (pages.count === 0) continue
          else if (step.what === "drop") pages.drop(step.at % pages.count)
          else if (step.what === "word") pages.setWord(step.at % pages.count, 5, step.value)
          else pages.addDouble(step.at % pages.count, 3, step.value)
        }
        if (!isGivenUp) {
          while (capture());
          expect(structsOf(restoredFrom(pieces))).toEqual(expected)
        }
        pages.thaw()
        expect(pages.capture()).toBe(null)
      }),
      { numRuns: 60 },
    )
  })

  it("move the last struct into a place that is given up, and leave zeros behind", () => {
    const pages = filled(130)
    pages.setDouble(129, 1, 2.5)
    pages.drop(3)
    expect(pages.count).toBe(129)
    expect([pages.word(3, 0), pages.double(3, 1)]).toEqual([130, 2.5])
    expect(pages.word(4, 0)).toBe(5)
    pages.drop(128)
    expect([pages.place(), pages.word(128, 0), pages.double(128, 1)]).toEqual([128, 0, 0])
  })

  it("can't be frozen twice, and refuse pieces that do not follow each other", () => {
    const pages = filled(130)
    pages.freeze()
    expect(() => pages.freeze()).toThrow(/frozen already/)
    const pieces = [pages.capture()!, pages.capture()!, pages.capture()!]
    expect(() => restoredFrom(pieces.slice(1))).toThrow(/structs are missing/)
    expect(() => restoredFrom([pieces[0], pieces[2]])).toThrow(/structs are missing/)
    expect(() => restoredFrom([pieces[2].slice(0, 20)])).toThrow(/cut short/)
    expect(() => restoredFrom([makePiece(TAG, 0, 2, new Uint8Array(STRUCT_WORDS * 4))])).toThrow(/missing/)
    const small = new Pages(TAG, STRUCT_WORDS)
    expect(() => small.restore("test", readPiece("test", pieces[0]), "structs", 63)).toThrow(/missing/)
    expect(restoredFrom(pieces).count).toBe(130)
  })
})

describe("numbers in pages", () => {
  it("stay where they are when there is room for more", () => {
    const numbers = new IntPages()
    let count = 0
    for (const more of [1, 16_384, 16_385, 100_000]) {
      numbers.reserve(more)
      for (; count < more; count++) {
        expect(numbers.get(count)).toBe(0)
        numbers.set(count, -count)
      }
    }
    for (let i = 0; i < count; i += 997) expect(numbers.get(i)).toBe(-i | 0)
    expect(numbers.bytes).toBe(7 * 65_536)
  })
})
