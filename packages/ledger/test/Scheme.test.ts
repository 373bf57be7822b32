// The scheme's image is whole, of one moment, and the same bytes when it is made again from itself.
import { describe, expect, it } from "vitest"
import { readPiece } from "../src/Image.ts"
import { PIECE_BYTES_MAX } from "../src/limits.ts"
import { Scheme } from "../src/Scheme.ts"

const by = "test"

const change = (scheme: Scheme, round: number): void => {
  const number = round + 1
  const merchant = scheme.merchants.put(
    {
      type: "merchant",
      by,
      number,
      name: `Shop ${number}`,
      currency: 200 + (round % 5),
      feeBasisPoints: round,
    },
    scheme.plans,
    round,
  )
  scheme.merchants.addFloat(merchant >>> 1, round)
  scheme.products.put({
    type: "product",
    by,
    number,
    name: "Gift",
    currency: 203,
    bin: "4000",
    transfers: { fee: [{ fixed: number }] },
  })
  for (let i = 0; i < 40; i++) {
    const slot = scheme.terminals.add(1_000 + round * 40 + i, merchant, round)
    if (i % 9 === 0) scheme.terminals.setParameters(slot, { round: `${round}` })
  }
  scheme.hosts.set(`host-${round}`, {
    id: `host-${round}`,
    terminals: [[1, number]],
    permissions: ["transact"],
    keyVersion: 1,
  })
  scheme.terminals.count(round * 7, 0, number)
  scheme.hotlist.put(BigInt(number), 41)
  scheme.hotlist.put(BigInt(number >>> 1), 43)
  scheme.calendar.utcOffsetMinutes = round
}

const filled = (rounds: number): Scheme => {
  const scheme = new Scheme()
  for (let round = 0; round < rounds; round++) change(scheme, round)
  return scheme
}

const pulled = (scheme: Scheme, between: () => void = () => {}): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (const piece of scheme.freeze(9, 4, 64)) {
    pieces.push(piece)
    between()
  }
  scheme.thaw()
  return pieces
}

const restoredFrom = (pieces: ReadonlyArray<Uint8Array>): Scheme => {
  const scheme = new Scheme()
  for (const piece of pieces) scheme.restore("scheme", piece)
  return scheme
}

const text = (pieces: ReadonlyArray<Uint8Array>) =>
  pieces.map((piece) => Buffer.from(piece).toString("base64"))

describe("the scheme's image", () => {
  it("is of the moment of the freeze, and the same when it is made again", () => {
    const scheme = filled(200)
    const expected = pulled(filled(200))
    let round = 200
    const pieces = pulled(scheme, () => change(scheme, round++))
    expect(text(pieces)).toEqual(text(expected))
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(PIECE_BYTES_MAX)
    const restored = restoredFrom(pieces)
    expect(restored.restored("scheme")).toMatchObject({ position: 9, shards: 4, transactions: 64 })
    expect(text(pulled(restored))).toEqual(text(pieces))
    expect(restored.merchant(200)).toMatchObject({ name: "Shop 200", purchaseFee: [{ basisPoints: 199 }] })
    expect(restored.merchant(201)).toBe(undefined)
    expect(restored.terminal(1_039)).toMatchObject({ merchant: 1 })
    expect(restored.terminal(1_009)).toMatchObject({
      merchant: 1,
      parameters: { round: "0" },
      parametersVersion: 1,
    })
    expect(restored.product(200)).toMatchObject({
      number: 200,
      transferFee: scheme.product(200)?.transferFee,
    })
    expect(restored.product(0)?.slot).toBe(0)
    expect(restored.host("host-3")?.terminals).toEqual([[1, 4]])
    expect(restored.calendar.utcOffsetMinutes).toBe(199)
  })

  it("is refused when any piece of it is missing", () => {
    const pieces = pulled(filled(60))
    expect(new Scheme().restored("scheme")).toBe(undefined)
    for (const missing of pieces.slice(1)) {
      const some = pieces.filter((piece) => piece !== missing)
      expect(() => restoredFrom(some).restored("scheme"), `tag ${missing[0]}`).toThrow(/missing|not whole/)
    }
  })

  it("is refused when it has a piece that this version does not know, or that has other items than it says", () => {
    const pieces = pulled(filled(3))
    const other = Uint8Array.from(pieces[0])
    other[0] = 250
    expect(() => new Scheme().restore("scheme", other)).toThrow(/unknown kind \(250\)/)
    const hosts = pieces.find((piece) => readPiece("scheme", piece).tag === 5)!
    const fewer = Uint8Array.from(hosts)
    fewer[8] = 2
    expect(() => new Scheme().restore("scheme", fewer)).toThrow(/has not the items/)
  })
})
