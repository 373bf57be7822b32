// Randomness that a seed gives again: xoshiro128**, and streams of their own for whoever draws beside others.

/** Each draw takes one u32 from the stream, so that a stream's n-th draw is the same in every run. */
export class Random {
  readonly #state = new Uint32Array(4)

  constructor(seed: number, stream = 0) {
    // splitmix32 spreads small seeds over all 128 bits; xoshiro must not start at zero.
    let h = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
    for (let i = 0; i < 4; i++) {
      h = (h + 0x9e3779b9) >>> 0
      let z = h
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      this.#state[i] = z ^ (z >>> 15) || i + 1
    }
  }

  u32(): number {
    const s = this.#state
    const product = Math.imul(s[1], 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = (s[3] << 11) | (s[3] >>> 21)
    return result
  }

  /** 0 … 1, without 1. */
  fraction(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.between(0, items.length - 1)]
  }

  /** One of the weighted choices; weights are relative. */
  weighted<A extends string>(weights: { readonly [choice in A]: number }): A {
    // Object.entries widens the keys to string; they are those of the parameter's type.
    const choices = Object.entries(weights) as unknown as ReadonlyArray<[A, number]>
    let left = this.fraction() * choices.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [choice, weight] of choices) {
      left -= weight
      if (left < 0) return choice
    }
    return choices[choices.length - 1][0]
  }
}
