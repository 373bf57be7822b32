/** Randomness from a seed: sfc32, in streams that do not disturb each other. */

const hashText = (text: string): [number, number, number, number] => {
  // cyrb128: the four words of a generator's state, all of them depending on every character.
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ code, 597399067)
    b = c ^ Math.imul(b ^ code, 2869860233)
    c = d ^ Math.imul(c ^ code, 951274213)
    d = a ^ Math.imul(d ^ code, 2716044179)
  }
  return [a, b, c, d]
}

const warmUps = 12

export class Random {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(name: string) {
    this.#name = name
    const words = hashText(name)
    this.#a = words[0]
    this.#b = words[1]
    this.#c = words[2]
    this.#d = words[3]
    for (let i = 0; i < warmUps; i++) this.word()
  }

  /** A stream of its own: what is drawn here changes nothing of what is drawn there. */
  fork(name: string | number): Random {
    return new Random(`${this.#name}/${name}`)
  }

  /** 32 bits, signed. */
  word(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t
  }

  /** 0 … 1, without 1. */
  next(): number {
    return (this.word() >>> 0) / 2 ** 32
  }

  /** 0 … count − 1 */
  int(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** from … to, both included. */
  between(from: number, to: number): number {
    return from + this.int(to - from + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(list: ReadonlyArray<A>): A {
    return list[this.int(list.length)]
  }

  /** One of `[weight, what]`. */
  weighted<A>(list: ReadonlyArray<readonly [number, A]>): A {
    let at = this.next() * list.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, what] of list) {
      at -= weight
      if (at < 0) return what
    }
    return list[list.length - 1][1]
  }

  /** Mostly short, sometimes long: milliseconds with this mean. */
  delay(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let at = 0; at < count; at += 4) {
      const word = this.word()
      for (let i = at; i < Math.min(at + 4, count); i++) bytes[i] = word >>> ((i - at) * 8)
    }
    return bytes
  }
}
