// Why a recovery stops. Each names the place; none is ever raised on a request's way.

/** A journaled decision and the one made again differ: the state is not what it was. */
export class ReplayDiverged extends Error {
  override readonly name = "ReplayDiverged"
  readonly sequence: number
  readonly what: string
  constructor(sequence: number, what: string) {
    super(`slot ${sequence} does not replay as it was journaled: ${what}`)
    this.sequence = sequence
    this.what = what
  }
}

/** Slots were handed over out of order, or some are missing. */
export class JournalGap extends Error {
  override readonly name = "JournalGap"
  readonly expected: number
  readonly found: number
  constructor(expected: number, found: number, what: string) {
    super(`${what}: slot ${expected} is needed next, but ${found} came`)
    this.expected = expected
    this.found = found
  }
}

/** A piece of an image can't be taken: another version, another layout, or parts of it are missing. */
export class ImageRefused extends Error {
  override readonly name = "ImageRefused"
  readonly image: string
  readonly what: string
  constructor(image: string, what: string) {
    super(`image ${image}: ${what}`)
    this.image = image
    this.what = what
  }
}

/** What must hold does not: the state of this shard (or of the lane, in a control command) is not to be trusted. */
export class Defect extends Error {
  override readonly name = "Defect"
}
