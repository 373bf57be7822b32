import { OUTCOME_BYTES, OUTCOME_WORDS, OutcomeWord } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Outbox } from "../src/Outbox.ts"
import { type Receiver, Seats } from "../src/Seats.ts"
import { Tally } from "../src/Tally.ts"

/** Notes the references of what it is answered, and that the calls come in order. */
class Witness implements Receiver {
  readonly got: Array<number> = []
  rooms = 0
  #announced = 0

  begin(count: number): void {
    expect(this.#announced).toBe(0)
    this.#announced = count
  }

  outcomes(bytes: Buffer, at: number, count: number): void {
    this.#announced -= count
    for (let i = 0; i < count; i++) this.got.push(bytes.readUInt32LE(at + i * OUTCOME_BYTES))
  }

  end(): void {
    expect(this.#announced).toBe(0)
  }

  room(): void {
    this.rooms++
  }
}

const put = (outbox: Outbox, seat: number, reference: number) => {
  outbox.words.fill(0, outbox.at, outbox.at + OUTCOME_WORDS)
  outbox.words[outbox.at + OutcomeWord.referenceLo] = reference
  outbox.push(seat)
}

describe("the outbox", () => {
  it("hands each outcome to its own seat, once, in the order decided, however publishes fall", () => {
    const step = fc.record({ seat: fc.nat(4), count: fc.integer({ min: 1, max: 9 }), publish: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const outbox = new Outbox(16)
        const seats = new Seats(5)
        const tally = new Tally()
        const witnesses = Array.from({ length: 5 }, () => new Witness())
        for (const witness of witnesses) seats.take(witness)
        const expected: Array<Array<number>> = witnesses.map(() => [])
        let reference = 0
        const publish = () => outbox.publish(outbox.tail, seats, tally)
        for (const { seat, count, publish: now } of steps) {
          for (let i = 0; i < count; i++) {
            if (outbox.free === 0) publish()
            put(outbox, seat, ++reference)
            seats.sent(seat, 1)
            expected[seat].push(reference)
          }
          if (now) publish()
        }
        publish()
        expect(witnesses.map((witness) => witness.got)).toEqual(expected)
        expect(witnesses.map((_, seat) => seats.inFlight(seat))).toEqual([0, 0, 0, 0, 0])
        expect(tally.responses[0]).toBe(reference)
      }),
    )
  })

  it("publishes only up to where it was sealed", () => {
    const outbox = new Outbox(8)
    const seats = new Seats(1)
    const witness = new Witness()
    seats.take(witness)
    for (let i = 1; i <= 3; i++) put(outbox, 0, i)
    seats.sent(0, 3)
    outbox.publish(2, seats, new Tally())
    expect(witness.got).toEqual([1, 2])
    expect(outbox.count).toBe(1)
    expect(seats.inFlight(0)).toBe(1)
  })
})

describe("seats", () => {
  it("a seat given back with requests on their way is not taken again until they are decided", () => {
    const outbox = new Outbox(8)
    const seats = new Seats(2)
    const gone = new Witness()
    const next = new Witness()
    const seat = seats.take(gone)
    seats.sent(seat, 1)
    put(outbox, seat, 7)
    seats.giveBack(seat)
    expect(seats.take(next)).not.toBe(seat)
    expect(seats.take(new Witness())).toBe(-1)
    outbox.publish(outbox.tail, seats, new Tally())
    expect(gone.got).toEqual([])
    expect(next.got).toEqual([])
    expect(seats.take(new Witness())).toBe(seat)
  })

  it("tells those who wait, once, that there is room", () => {
    const seats = new Seats(2)
    const witness = new Witness()
    const seat = seats.take(witness)
    seats.wait(seat)
    seats.wait(seat)
    seats.room()
    seats.room()
    expect(witness.rooms).toBe(1)
  })
})
