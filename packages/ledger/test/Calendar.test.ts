// Days and months are those of the civil calendar, wherever the scheme's clock stands.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Calendar, dayOf, lastDayOfMonth, monthOfDay } from "../src/Calendar.ts"

const DAY_MS = 86_400_000
const monthOf = (day: number): number => {
  const date = new Date(day * DAY_MS)
  return (date.getUTCFullYear() - 1_970) * 12 + date.getUTCMonth()
}
const offset = fc.integer({ min: -840, max: 840 })
/** Near midnight more often than not. */
const time = fc.oneof(
  fc.integer({ min: DAY_MS, max: 5_000_000_000_000 }),
  fc
    .tuple(fc.integer({ min: 2, max: 60_000 }), fc.integer({ min: -2, max: 2 }))
    .map(([d, ms]) => d * DAY_MS + ms),
)

describe("the calendar", () => {
  it("knows the month of every day that a u16 can name, and the last day of every month", () => {
    let wrong = 0
    for (let day = 0; day <= 0xffff; day++) if (monthOfDay(day) !== monthOf(day)) wrong++
    for (let month = 0; month < monthOf(0xffff); month++) {
      if (lastDayOfMonth(month) !== Date.UTC(1_970, month + 1, 0) / DAY_MS) wrong++
    }
    expect(wrong).toBe(0)
    expect(lastDayOfMonth(monthOf(0xffff))).toBe(0xffff)
  })

  it("begins a day at midnight of the scheme's clock", () => {
    fc.assert(
      fc.property(time, offset, (time, offset) => {
        const local = new Date(time + offset * 60_000)
        const midnight = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate())
        expect(dayOf(time, offset)).toBe(midnight / DAY_MS)
      }),
    )
    expect(dayOf(0, -1)).toBe(0)
    expect(dayOf(Number.MAX_SAFE_INTEGER, 840)).toBe(0xffff)
  })

  it("is at the day of the time that was set last, whichever way times and offsets go", () => {
    const step = fc.oneof(
      time.map((time) => ({ time })),
      offset.map((offset) => ({ offset })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const calendar = new Calendar()
        let now = 0
        let offset = 0
        for (const step of steps) {
          if ("time" in step) now = step.time
          else offset = step.offset
          if ("time" in step) calendar.set(now)
          else calendar.utcOffsetMinutes = offset
          expect(calendar.utcOffsetMinutes).toBe(offset)
          expect(calendar.day).toBe(dayOf(now, offset))
          expect(calendar.month).toBe(monthOf(dayOf(now, offset)))
        }
      }),
    )
  })
})
