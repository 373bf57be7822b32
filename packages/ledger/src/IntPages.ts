// A long array of 32-bit numbers in pages that never move, so that none of its growth is a long pause.

const PAGE_SHIFT = 14
const PAGE_NUMBERS = 2 ** PAGE_SHIFT
const PAGE_MASK = PAGE_NUMBERS - 1

export class IntPages {
  readonly #pages: Array<Int32Array> = []

  get(index: number): number {
    return this.#pages[index >>> PAGE_SHIFT][index & PAGE_MASK]
  }

  set(index: number, value: number): void {
    this.#pages[index >>> PAGE_SHIFT][index & PAGE_MASK] = value
  }

  /** Makes room for indexes below `count`; what is new is 0. */
  reserve(count: number): void {
    while (this.#pages.length << PAGE_SHIFT < count) this.#pages.push(new Int32Array(PAGE_NUMBERS))
  }

  get bytes(): number {
    return this.#pages.length * PAGE_NUMBERS * 4
  }
}
