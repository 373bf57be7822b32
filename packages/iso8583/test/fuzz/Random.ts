// Numbers that look random and come again from the same seed and index: an input that broke something can be made again.

const GOLDEN = 0x9e37_79b9

/** 32 random bits of any 32: the finaliser of MurmurHash3. */
const mixed = (value: number): number => {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

export class Random {
  #state = 0

  /** Begins the numbers of one input. */
  begin(seed: number, index: number): void {
    this.#state = mixed(mixed(seed >>> 0) ^ mixed(index >>> 0) ^ Math.floor(index / 2 ** 32))
  }

  /** A whole number from 0 up to, not including, `end` (at most 2^32). */
  below(end: number): number {
    this.#state = (this.#state + GOLDEN) >>> 0
    return Math.floor((mixed(this.#state) / 2 ** 32) * end)
  }

  of<A>(list: ReadonlyArray<A>): A {
    return list[this.below(list.length)]
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count)
    for (let i = 0; i < count; i++) out[i] = this.below(256)
    return out
  }
}
