import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  batchFrame,
  type FrameError,
  type FrameLimits,
  FrameReader,
  type FrameSink,
  messageFrame,
} from "../src/index.ts"
import { places, split } from "./arbitraries.ts"

type Event =
  | { readonly unit: string; readonly of: number }
  | { readonly message: string; readonly of: number }
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** Keeps copies of what it is given; takes of each offer what `take` says. */
class Keeper implements FrameSink {
  readonly events: Array<Event> = []
  readonly unitBytes: number
  take: (count: number) => number
  constructor(unitBytes: number, take: (count: number) => number = (count) => count) {
    this.unitBytes = unitBytes
    this.take = take
  }
  units(view: DataView, at: number, count: number, correlation: number): number {
    const taken = this.take(count)
    for (let i = 0; i < taken; i++) {
      const unit = new Uint8Array(view.buffer, view.byteOffset + at + i * this.unitBytes, this.unitBytes)
      this.events.push({ unit: hex(unit), of: correlation })
    }
    return taken
  }
  message(payload: Uint8Array, correlation: number): void {
    this.events.push({ message: hex(payload), of: correlation })
  }
}

const correlation = fc.integer({ min: 0, max: 0xffff_ffff })
const unitBytes = fc.constantFrom(32 as const, 64 as const)
type Content =
  | { readonly message: Uint8Array; readonly of: number }
  | { readonly units: number; readonly of: number }
const content: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ message: fc.uint8Array({ minLength: 1, maxLength: 3_000 }), of: correlation }),
  fc.record({ units: fc.integer({ min: 1, max: 9 }), of: correlation }),
)

/** A stream and the events that it must give, whatever its pieces. */
const stream = (contents: ReadonlyArray<Content>, size: 32 | 64) => {
  const events: Array<Event> = []
  let seed = 1
  const frames = contents.map((one) => {
    if ("message" in one) {
      events.push({ message: hex(one.message), of: one.of })
      return messageFrame(one.message, one.of)
    }
    const units = Uint8Array.from({ length: one.units * size }, () => {
      seed = (seed * 75 + 74) % 65_537
      return seed & 0xff
    })
    for (let i = 0; i < one.units; i++) {
      events.push({ unit: hex(units.subarray(i * size, (i + 1) * size)), of: one.of })
    }
    return batchFrame(units, size, one.of)
  })
  return { bytes: Uint8Array.from(frames.flatMap((frame) => [...frame])), events }
}

const header = (length: number, type: number, version = 1, reserved = 0) => {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, length, true)
  view.setUint8(4, type)
  view.setUint8(5, version)
  view.setUint16(6, reserved, true)
  return bytes
}

const read = (bytes: Uint8Array, limits: Partial<FrameLimits> = {}, size: 32 | 64 = 64) => {
  const keeper = new Keeper(size)
  return { error: new FrameReader(size, keeper, limits).push(bytes), events: keeper.events }
}

describe("FrameReader", () => {
  it("gives the same events for any split of a stream", () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 6 }), unitBytes, places, (contents, size, cuts) => {
        const { bytes, events } = stream(contents, size)
        const keeper = new Keeper(size)
        const reader = new FrameReader(size, keeper)
        for (const chunk of split(bytes, cuts)) {
          expect(reader.push(chunk)).toBeNull()
          // The chunk is free again: a server may read into the same buffer.
          chunk.fill(0xee)
        }
        expect(keeper.events).toEqual(events)
        expect(reader.midFrame).toBe(false)
      }),
    )
  })

  it("gives the same events byte by byte", () => {
    const { bytes, events } = stream(
      [
        { message: Uint8Array.of(1, 2, 3), of: 1 },
        { units: 3, of: 2 },
      ],
      64,
    )
    const keeper = new Keeper(64)
    const reader = new FrameReader(64, keeper)
    for (let i = 0; i < bytes.length; i++) {
      expect(reader.midFrame).toBe(i !== 0 && i !== 15)
      reader.push(bytes.subarray(i, i + 1))
    }
    expect(keeper.events).toEqual(events)
  })

  it("keeps order and loses nothing when it is blocked at any unit, whatever comes meanwhile", () => {
    const takes = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 20 })
    const sizes = fc.array(content, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(sizes, unitBytes, places, takes, fc.boolean(), (contents, size, cuts, script, eager) => {
        const { bytes, events } = stream(contents, size)
        let turn = 0
        const keeper = new Keeper(size, (count) => Math.min(count, script[turn++ % script.length]))
        const reader = new FrameReader(size, keeper)
        for (const chunk of split(bytes, cuts)) {
          expect(reader.push(chunk)).toBeNull()
          chunk.fill(0xee)
          if (eager && reader.blocked) reader.resume()
        }
        // A script of zeros only would never take anything.
        for (let i = 0; i < 2_000 && reader.blocked; i++) {
          if (i === 1_000) keeper.take = (count) => count
          expect(reader.resume()).toBeNull()
        }
        expect(reader.blocked).toBe(false)
        expect(keeper.events).toEqual(events)
        expect(reader.midFrame).toBe(false)
      }),
    )
  })

  it("stands at each unit of a batch in turn, and goes on from there", () => {
    const { bytes, events } = stream(
      [
        { units: 8, of: 5 },
        { message: Uint8Array.of(9), of: 6 },
      ],
      64,
    )
    for (let stop = 0; stop <= 8; stop++) {
      let left = stop
      const keeper = new Keeper(64, (count) => {
        const taken = Math.min(count, left)
        left -= taken
        return taken
      })
      const reader = new FrameReader(64, keeper)
      reader.push(bytes)
      expect(keeper.events).toEqual(events.slice(0, stop === 8 ? 9 : stop))
      expect(reader.blocked).toBe(stop < 8)
      left = 8
      reader.resume()
      expect(keeper.events).toEqual(events)
    }
  })

  it("lets the sink push and resume from inside its calls", () => {
    const first = stream([{ units: 4, of: 1 }], 64)
    const second = stream(
      [
        { message: Uint8Array.of(7), of: 2 },
        { units: 2, of: 3 },
      ],
      64,
    )
    let pushed = false
    const keeper = new Keeper(64, (count) => {
      if (!pushed) reader.push(second.bytes)
      pushed = true
      reader.resume()
      return Math.min(count, 1)
    })
    const reader: FrameReader = new FrameReader(64, keeper)
    reader.push(first.bytes)
    expect(reader.blocked).toBe(false)
    expect(keeper.events).toEqual([...first.events, ...second.events])
  })

  it("offers a refused unit again at once when the sink resumed inside the call", () => {
    const { bytes, events } = stream([{ units: 2, of: 1 }], 64)
    let refusals = 0
    const keeper = new Keeper(64, (count) => {
      if (refusals < 3) {
        refusals++
        reader.resume()
        return 0
      }
      return count
    })
    const reader: FrameReader = new FrameReader(64, keeper)
    for (const piece of split(bytes, [0.3, 0.9])) reader.push(piece)
    expect(keeper.events).toEqual(events)
    expect(refusals).toBe(3)
  })

  it("offers a refused unit again at once even when it was the last of its chunk", () => {
    const { bytes, events } = stream([{ units: 2, of: 1 }], 64)
    let refused = false
    const keeper = new Keeper(64, (count) => {
      if (refused) return count
      refused = true
      reader.resume()
      return 0
    })
    const reader: FrameReader = new FrameReader(64, keeper)
    reader.push(bytes.subarray(0, 40))
    reader.push(bytes.subarray(40, 76))
    expect(keeper.events).toEqual(events.slice(0, 1))
  })

  it("reads what was refused before what the sink pushed in the same call", () => {
    const first = stream([{ units: 3, of: 1 }], 64)
    const second = stream([{ units: 2, of: 2 }], 64)
    let blocked = true
    const keeper = new Keeper(64, (count) => {
      if (!blocked) return count
      reader.push(second.bytes)
      return 1
    })
    const reader: FrameReader = new FrameReader(64, keeper)
    reader.push(first.bytes)
    expect(reader.blocked).toBe(true)
    expect(keeper.events).toEqual(first.events.slice(0, 1))
    blocked = false
    reader.resume()
    expect(keeper.events).toEqual([...first.events, ...second.events])
  })

  it("holds no more than its limit while it is blocked", () => {
    const { bytes } = stream([{ units: 4, of: 1 }], 64)
    const reader = new FrameReader(64, new Keeper(64, () => 0), { heldBytesMax: 1_000 })
    expect(reader.push(bytes)).toBeNull()
    expect(reader.push(bytes)).toBeNull()
    expect(reader.push(bytes)).toBeNull()
    expect(reader.push(bytes)?.code).toBe("busy")
    expect(reader.resume()?.code).toBe("busy")
  })

  it("says what is wrong with a frame", () => {
    const cases: ReadonlyArray<readonly [FrameError["code"], Uint8Array]> = [
      ["unsupported-version", header(72, 2, 2)],
      ["unsupported-version", new TextEncoder().encode("GET / HTTP/1.1\r\n")],
      ["unknown-type", header(72, 3)],
      ["unknown-type", header(72, 0)],
      ["bad-frame", header(72, 2, 1, 1)],
      ["bad-frame", header(7, 1)],
      ["bad-frame", header(0, 2)],
      ["bad-frame", header(8, 1)],
      ["bad-frame", header(8, 2)],
      ["bad-frame", header(8 + 63, 2)],
      ["bad-frame", header(8 + 96, 2)],
      ["frame-too-long", header(8 + 65_537, 1)],
      ["frame-too-long", header(0xffff_ffff, 1)],
      ["batch-too-long", header(8 + 4_097 * 64, 2)],
      ["batch-too-long", header(0xffff_ffff, 2)],
    ]
    for (const [code, bytes] of cases) expect(read(bytes).error?.code, hex(bytes)).toBe(code)
    expect(read(header(8 + 65_536, 1)).error).toBeNull()
    expect(read(header(8 + 4_096 * 64, 2)).error).toBeNull()
    expect(read(header(8 + 101, 1), { messageBytesMax: 100 }).error?.code).toBe("frame-too-long")
    expect(read(header(8 + 128, 2), { batchUnitsMax: 1 }).error?.code).toBe("batch-too-long")
    expect(read(header(8 + 96, 2), {}, 32).error).toBeNull()
  })

  it("gives all that came before a bad frame, and nothing after it", () => {
    const good = stream([{ units: 2, of: 1 }], 64)
    const keeper = new Keeper(64)
    const reader = new FrameReader(64, keeper)
    const error = reader.push(Uint8Array.from([...good.bytes, ...header(7, 1), ...good.bytes]))
    expect(error?.code).toBe("bad-frame")
    expect(keeper.events).toEqual(good.events)
    expect(reader.push(good.bytes)).toBe(error)
    expect(reader.error).toBe(error)
    expect(keeper.events).toEqual(good.events)
  })

  it("answers any bytes with events or an error, in any split alike", () => {
    const noise = fc.uint8Array({ maxLength: 600 })
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) })
    const mutated = fc
      .record({
        contents: fc.array(content, { minLength: 1, maxLength: 4 }),
        changes: fc.array(change, { maxLength: 4 }),
        cut: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(({ contents, changes, cut }) => {
        const { bytes } = stream(contents, 64)
        for (const { at, to } of changes) bytes[at % bytes.length] = to
        return bytes.subarray(0, Math.ceil(cut * bytes.length))
      })
    fc.assert(
      fc.property(fc.oneof(noise, mutated), places, (bytes, cuts) => {
        const whole = read(bytes)
        const keeper = new Keeper(64)
        const reader = new FrameReader(64, keeper)
        for (const chunk of split(bytes, cuts)) reader.push(chunk)
        expect(keeper.events).toEqual(whole.events)
        expect(reader.error).toEqual(whole.error)
      }),
      { numRuns: 500 },
    )
  })

  it("is dead after its sink threw, and the sink's exception passes", () => {
    const { bytes } = stream([{ units: 2, of: 1 }], 64)
    const reader = new FrameReader(64, { units: () => 3, message: () => {} })
    expect(() => reader.push(bytes)).toThrow(/0 to 2/)
    expect(reader.push(bytes)?.code).toBe("defect")
  })
})
