/** Data directories that earlier programs wrote: read, found to hold what they held, written on, and read again. */
import { execFile } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { OutcomeAt, OutcomeFlag } from "@millrace/protocol"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import type { Expected } from "./src/formats/Expected.ts"
import { Room, TEST_MASTER_KEY } from "./src/formats/Room.ts"
import { roundOf } from "./src/formats/Traffic.ts"

// A machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const kept = join(import.meta.dirname, "data/formats")
const formats = readdirSync(kept).filter((name) => /^\d+$/.test(name))
const names = ["closed", "killed", "released"] as const
const main = join(import.meta.dirname, "../packages/cli/src/main.ts")

let place: string
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "millrace-formats-"))
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

const copyOf = (format: string, name: string, purpose: string): string => {
  const copy = join(place, `${format}-${name}-${purpose}`)
  cpSync(join(kept, format, name), copy, { recursive: true })
  return copy
}

const expectedOf = (format: string, name: string): Expected =>
  JSON.parse(readFileSync(join(kept, format, `${name}.json`), "utf8")) as Expected

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex")

/** As the first answer, but for the flag that says that it is not the first. */
const again = (hex: string): string => {
  const outcome = Buffer.from(hex, "hex")
  outcome.writeUInt16LE(outcome.readUInt16LE(OutcomeAt.flags) | OutcomeFlag.duplicate, OutcomeAt.flags)
  return outcome.toString("hex")
}

const verify = (directory: string) =>
  promisify(execFile)(process.execPath, [main, "journal", "verify", directory], {
    env: { ...process.env, MILLRACE_MASTER_KEY: TEST_MASTER_KEY },
  })

for (const format of formats) {
  describe(`a directory of format ${format}`, () => {
    for (const name of names) {
      it(`(${name}) has its balances, gives its first answers again, is written on, and starts again`, async () => {
        const directory = copyOf(format, name, "on")
        const { time, facts, repeats } = expectedOf(format, name)
        const room = await Room.open(directory, time, { verify: "all" })
        expect(room.facts()).toEqual(facts)

        const outcomes = await room.ask(repeats.map(({ record }) => bytes(record)))
        const said = outcomes.map((outcome) => Buffer.from(outcome).toString("hex")).sort()
        expect(said).toEqual(repeats.map(({ outcome }) => again(outcome)).sort())
        expect(room.facts(), "a repeat moved something").toEqual(facts)

        for (const batch of roundOf(50)) await room.ask(batch)
        const after = room.facts()
        expect(after.next).toBeGreaterThan(facts.next)
        const written = (await room.stat()).segments.map((segment) => segment.format)
        expect(written[0]).toBe(Number(format))
        expect(new Set(written)).toEqual(new Set([Number(format), 2]))
        await room.close()

        const restarted = await Room.open(directory, room.time, { verify: "all" })
        expect(restarted.facts()).toEqual(after)
        await restarted.snapshot()
        await restarted.close()
        const fromSnapshot = await Room.open(directory, room.time)
        expect(fromSnapshot.facts()).toEqual(after)
        await fromSnapshot.close()
        if (name === "released") expect((await verify(directory)).stdout).toMatch(/^sound /m)
      })
    }

    it("is refused where its last segment doesn't lead to the first that was written since", async () => {
      const directory = copyOf(format, "closed", "cut")
      const room = await Room.open(directory, expectedOf(format, "closed").time)
      const before = (await room.stat()).segments.length
      for (const batch of roundOf(50)) await room.ask(batch)
      const { segments } = await room.stat()
      await room.close()
      // Its last block, which fills a page, and its end mark.
      const file = join(directory, "journal", segments[before - 1].name)
      writeFileSync(file, readFileSync(file).subarray(0, segments[before - 1].bytes - 2 * 4096))
      await expect(Room.open(directory, room.time, { verify: "all" })).rejects.toThrow(
        new RegExp(`${segments[before].name} is damaged at byte 0`),
      )
    })
  })
}
