/** What is read in order, one item after the other, from windows of bytes that are filled as it goes. */
import { Effect } from "effect"
import type { JournalError } from "./JournalError.ts"
import { pageAligned } from "./pageAligned.ts"
import { isAuthentic, type Secrets, unseal } from "./seal.ts"

/** Gives the next each time it is run, `null` at the end. Nothing is held open between, so it may be dropped at any time. */
export type Pull<A> = Effect.Effect<A | null, JournalError>

export type WalkStep<A> =
  | { readonly kind: "item"; readonly item: A }
  /** `refill` must be run before it can go on. */
  | { readonly kind: "more" }
  | { readonly kind: "end" }
  | { readonly kind: "refused"; readonly error: JournalError }

export interface Walk<A> {
  readonly next: () => WalkStep<A>
  readonly refill: Effect.Effect<void, JournalError>
}

export const refused = (error: JournalError) => ({ kind: "refused", error }) as const

/** How a walk gets windows to read into, and the plain bytes of what is sealed in them. */
export interface Opening {
  /** Bytes of a window, unless one item alone needs more. */
  readonly windowBytes: number
  /** Whether windows begin on a page of memory, so that the disk can fill them without a copy. */
  readonly isPageAligned: boolean
  /** A window of at least so many bytes; the last one may be given again. */
  readonly window: (bytes: number, last: Buffer) => Buffer
  /** Null when they are not what was sealed. `refusal` says so where that turns out later. */
  readonly unseal: (
    key: Secrets["cipherKey"],
    number: number,
    aad: Uint8Array,
    sealed: Uint8Array,
    tag: Uint8Array,
    refusal: () => JournalError,
  ) => Uint8Array | null
}

/** On this thread, as it comes by. Reads are large enough that the disk streams. */
export const asItComes: Opening = {
  windowBytes: 1 << 20,
  isPageAligned: false,
  window: (bytes, last) => (last.length < bytes ? Buffer.allocUnsafeSlow(bytes) : last),
  unseal,
}

const nothing = new Uint8Array(0)

/** To know that it can be read: no bytes are given. For walks that follow each other, which share one window. */
export const onlyLooking = (): Opening => {
  let only = Buffer.alloc(0)
  return {
    windowBytes: 2 << 20,
    isPageAligned: true,
    window: (bytes) => {
      if (only.length < bytes) only = pageAligned(bytes)
      return only
    },
    unseal: (key, number, aad, sealed, tag) => (isAuthentic(key, number, aad, sealed, tag) ? nothing : null),
  }
}

export const pullOf = <A>(walk: Walk<A>): Pull<A> => {
  const pull: Pull<A> = Effect.suspend(() => {
    const step = walk.next()
    switch (step.kind) {
      case "item":
        return Effect.succeed(step.item)
      case "more":
        return Effect.andThen(walk.refill, pull)
      case "end":
        return Effect.succeed(null)
      case "refused":
        return Effect.fail(step.error)
    }
  })
  return pull
}
