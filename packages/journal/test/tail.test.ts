import { Effect } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Journal, JournalDamaged, type MemoryDisk } from "../src/index.ts"
import {
  appendBlocks,
  changed,
  errorOf,
  exitOf,
  flipBit,
  killedAfter,
  onDisk,
  range,
  readAll,
  sequencesIn,
} from "./scene.ts"

const sector = 512
const page = 4096

const sequences = (disk: MemoryDisk, bytes = 100, readOnly = true) =>
  onDisk(
    disk,
    Effect.map(readAll, (blocks) => sequencesIn(blocks, bytes)),
    { readOnly },
  )

/** Reopens for good, appends one block more, reopens again: the journal must go on where it was cut. */
const goesOn = async (disk: MemoryDisk, last: number) => {
  await onDisk(disk, appendBlocks(last + 1, last + 1))
  assert.deepEqual(await sequences(disk), range(1, last + 1))
}

/** Header, payload and tag of a block of 100 bytes: from there on only padding is missing, and the block is kept. */
const sealedBytes = 64 + 100 + 16

/**
 * How many bytes of such a block must be written for it to be whole when zeros lie behind: the tag is random, so one
 * in 256 ends in a zero, which need not be written to be there.
 */
const writtenEnd = (bytes: Uint8Array, at: number): number => {
  let end = sealedBytes
  while (bytes[at + end - 1] === 0) end--
  return end
}

describe("a torn tail is cut, and all before it is there", () => {
  it("whatever byte the last block's write came to, with zeros behind (every thirty-first in the middle of the padding)", async () => {
    const { disk, path, at } = await killedAfter(4)
    const whole = writtenEnd(disk.files().get(path)!, at)
    for (let kept = 0; kept <= page; kept += kept < 200 || kept > 4060 ? 1 : 31) {
      const torn = changed(disk, path, (bytes) => {
        bytes.fill(0, at + kept)
        return bytes
      })
      assert.deepEqual(await sequences(torn), range(1, kept < whole ? 3 : 4), `${kept} bytes written`)
      if (kept % 50 === 0) await goesOn(torn, kept < whole ? 3 : 4)
    }
  })

  it("whatever byte the file ends at (every thirty-first in the middle of the padding)", async () => {
    const { disk, path, at } = await killedAfter(4)
    for (let kept = 0; kept <= page; kept += kept < 200 || kept > 4060 ? 1 : 31) {
      const torn = changed(disk, path, (bytes) => bytes.subarray(0, at + kept))
      assert.deepEqual(await sequences(torn), range(1, kept < sealedBytes ? 3 : 4), `${kept} bytes kept`)
      if (kept % 50 === 0) await goesOn(torn, kept < sealedBytes ? 3 : 4)
    }
  })

  it("whichever sectors of a block of several pages were written, in any order", async () => {
    const bytes = 11_000
    const { disk, path, at } = await killedAfter(3, bytes)
    const sectors = (3 * page) / sector
    const tagSector = Math.floor((64 + bytes + 16 - 1) / sector)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: sectors, maxLength: sectors }),
        async (written) => {
          const torn = changed(disk, path, (all) => {
            written.forEach((is, n) => {
              if (!is) all.fill(0, at + n * sector, at + (n + 1) * sector)
            })
            return all
          })
          const whole = written.slice(0, tagSector + 1).every(Boolean)
          assert.deepEqual(await sequences(torn, bytes), range(1, whole ? 3 : 2))
        },
      ),
      { numRuns: 100 },
    )
  })

  it("also the first block of a segment, with the segment's header", async () => {
    const bytes = 5000
    const { disk, path, at } = await killedAfter(8, bytes)
    assert.equal(at, page, "block 8 is the first of the second segment")
    const sectors = (page + 2 * page) / sector
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: sectors, maxLength: sectors }),
        async (written) => {
          const torn = changed(disk, path, (all) => {
            written.forEach((is, n) => {
              if (!is) all.fill(0, n * sector, (n + 1) * sector)
            })
            return all
          })
          // As it was while that write was on its way: the segment after is not prepared yet.
          torn.put("journal/00000000000000000003.seg", undefined)
          const needed = [0, ...range(page / sector, Math.floor((page + 64 + bytes + 15) / sector))]
          const whole = needed.every((n) => written[n])
          assert.deepEqual(await sequences(torn, bytes), range(1, whole ? 8 : 7))
        },
      ),
      { numRuns: 100 },
    )
  })

  it("says where it was cut", async () => {
    const { disk, path, at } = await killedAfter(4)
    const torn = changed(disk, path, (bytes) => bytes.subarray(0, at + 100))
    const stat = await onDisk(
      torn,
      Effect.flatMap(Journal, (journal) => journal.stat),
    )
    assert.deepEqual(stat.cut, { segment: path.slice("journal/".length), at })
    assert.equal(stat.last, 3)
  })

  it("is left where it is by a reader", async () => {
    const { disk, path, at } = await killedAfter(4)
    const torn = changed(disk, path, (bytes) => bytes.subarray(0, at + 100))
    await onDisk(torn, Effect.void, { readOnly: true })
    assert.equal(torn.files().get(path)!.length, at + 100)
  })

  it("is cut once: an opening that is itself cut short is done again", async () => {
    const { disk, path, at } = await killedAfter(4)
    const torn = changed(disk, path, (bytes) => bytes.subarray(0, at + 100))
    for (let stop = 0; stop < 12; stop++) {
      const again = torn.crash()
      let operations = 0
      let left: MemoryDisk | undefined
      again.fault = (operation) => {
        if (operation === "read" || operations++ < stop) return undefined
        left ??= again.crash((_, sector) => sector % 2 === 0)
        return "EIO"
      }
      await exitOf(again, Effect.void)
      assert.deepEqual(await sequences(left ?? again.crash()), range(1, 3), `stopped at operation ${stop}`)
    }
  })
})

describe("what was whole once and was changed is damage, not torn", () => {
  it("every bit of the last block after a kill", async () => {
    const { disk, path, at } = await killedAfter(4)
    for (let bit = 0; bit < page * 8; bit += 83) {
      const error = await errorOf(flipBit(disk, path, at * 8 + bit), readAll, { readOnly: true })
      assert.instanceOf(error, JournalDamaged, `bit ${bit}`)
      assert.include(error, { file: path, at, expected: 4 })
    }
  })

  it("two blocks that fail", async () => {
    const { disk, path, at } = await killedAfter(4)
    const torn = changed(disk, path, (bytes) => {
      bytes.fill(0, at - page, at - page + sector)
      bytes.fill(0, at, at + sector)
      return bytes
    })
    assert.instanceOf(await errorOf(torn, Effect.void), JournalDamaged)
  })

  it("a sector of zeros in a block that another follows", async () => {
    const { disk, path, at } = await killedAfter(4)
    for (const from of [at - page, at - 2 * page]) {
      const rotten = changed(disk, path, (bytes) => {
        bytes.fill(0, from, from + sector)
        return bytes
      })
      assert.instanceOf(await errorOf(rotten, Effect.void), JournalDamaged)
    }
  })

  it("the last block after a clean close, also a sector of zeros in it", async () => {
    const { disk, path, at } = await killedAfter(4)
    await onDisk(disk, Effect.void)
    const rotten = changed(disk, path, (bytes) => {
      bytes.fill(0, at, at + sector)
      return bytes
    })
    assert.instanceOf(await errorOf(rotten, Effect.void), JournalDamaged)
    for (const bit of [0, 100, 64 * 8, 170 * 8, 200 * 8, page * 8 - 1]) {
      const error = await errorOf(flipBit(disk, path, at * 8 + bit), Effect.void)
      assert.instanceOf(error, JournalDamaged)
    }
  })

  it("the end mark", async () => {
    const { disk, path, at } = await killedAfter(4)
    await onDisk(disk, Effect.void)
    for (let bit = 0; bit < page * 8; bit += 61) {
      const error = await errorOf(flipBit(disk, path, (at + page) * 8 + bit), Effect.void)
      assert.instanceOf(error, JournalDamaged, `bit ${bit}`)
    }
  })

  it("bytes in what was never written", async () => {
    const { disk, path, at } = await killedAfter(4)
    for (const offset of [page, 2 * page, 20_000]) {
      const error = await errorOf(flipBit(disk, path, (at + offset) * 8), Effect.void)
      assert.instanceOf(error, JournalDamaged, `${offset} bytes after the last block`)
    }
  })
})
