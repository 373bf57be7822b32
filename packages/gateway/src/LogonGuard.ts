/** How often anybody may try to log on: lock-out after failures, and rates by address and over all. Bounded, in memory. */
import type { GatewayLimits } from "./Limits.ts"

/** Why a logon was refused: what a metric counts by. The other side is told one of two sentences. */
export type LogonRefusal = "wrong" | "certificate" | "locked" | "address-rate" | "rate"

/** Identities with failures, and addresses, that are remembered; the longest untouched goes first. */
const entriesMax = 65_536
/** A failed logon takes as much of its address's allowance as so many that succeed. */
const failureCost = 256
const lockMsFirst = 1_000

interface Failures {
  readonly count: number
  /** No logon is looked at before. */
  readonly until: number
  /** The last one, after which the count is forgotten in time. */
  readonly at: number
}

/** An allowance that refills with time. */
interface Bucket {
  tokens: number
  at: number
}

/**
 * Who an address belongs to, as far as limits go. A subscriber of IPv6 has 2^64 addresses or more, the lower half of the
 * 128 bits: limits by address are by the upper half there, else one machine is as many as it likes.
 */
export const neighbourhoodOf = (address: string): string => {
  if (!address.includes(":")) return address
  const groups = groupsOf(address)
  // ::ffff:192.0.2.1 is IPv4, on a socket that takes both; uWebSockets.js writes all of it in hexadecimal.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join(".")
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`
}

/** The eight groups of an IPv6 address as an operating system writes it. */
const groupsOf = (address: string): ReadonlyArray<number> => {
  const [plain = ""] = address.split("%")
  const hexadecimal = plain.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [before = [], after] = hexadecimal
    .split("::")
    .map((part) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))))
  if (after === undefined) return before
  const zeros = Math.max(0, 8 - before.length - after.length)
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after]
}

/**
 * Failures are counted by identity and address together. Counted by the identity alone, anybody could lock out an
 * acquirer whose name they know; keys of 256 bits are not guessed from many addresses either.
 */
export class LogonGuard {
  readonly #limits: GatewayLimits
  readonly #nowMs: () => number
  readonly #failures = new Map<string, Failures>()
  readonly #addresses = new Map<string, Bucket>()
  readonly #all: Bucket

  constructor(limits: GatewayLimits, nowMs: () => number) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#all = { tokens: limits.sessionsMax, at: nowMs() }
  }

  /** Whether a connection from here is worth being read at all. */
  admits(address: string): boolean {
    const bucket = this.#addresses.get(neighbourhoodOf(address))
    return bucket === undefined || this.#refilled(bucket, this.#limits.logonsPerAddressSecondMax) >= 1
  }

  /** A logon begins, whoever it is. */
  begins(address: string): LogonRefusal | undefined {
    if (!this.admits(address)) return "address-rate"
    if (this.#refilled(this.#all, this.#limits.logonsPerSecondMax) < 1) return "rate"
    this.#take(address, 1)
    return undefined
  }

  /** Known or not, an identity that failed too often here is not looked at for a while. */
  locked(identity: string, address: string): boolean {
    const failures = this.#failures.get(keyOf(identity, address))
    return failures !== undefined && this.#nowMs() < failures.until
  }

  failed(identity: string, address: string): void {
    const { logonFailuresMax, lockSecondsMax } = this.#limits
    const key = keyOf(identity, address)
    const now = this.#nowMs()
    const before = this.#failures.get(key)
    const lockMsMax = lockSecondsMax * 1_000
    const count = before === undefined || now > before.at + 2 * lockMsMax ? 1 : before.count + 1
    const lockMs =
      count < logonFailuresMax ? 0 : Math.min(lockMsFirst * 2 ** (count - logonFailuresMax), lockMsMax)
    remember(this.#failures, key, { count, until: now + lockMs, at: now })
    this.#take(address, failureCost)
    // Only failures, of which an address has few: whoever says hello and no more takes nothing from the others.
    this.#refilled(this.#all, this.#limits.logonsPerSecondMax)
    this.#all.tokens = Math.max(0, this.#all.tokens - 1)
  }

  succeeded(identity: string, address: string): void {
    this.#failures.delete(keyOf(identity, address))
  }

  #take(address: string, tokens: number): void {
    const neighbourhood = neighbourhoodOf(address)
    const bucket = this.#addresses.get(neighbourhood) ?? {
      tokens: this.#limits.sessionsMax,
      at: this.#nowMs(),
    }
    this.#refilled(bucket, this.#limits.logonsPerAddressSecondMax)
    // What is owed is owed once: an address comes back a second or so after it stopped.
    bucket.tokens = Math.max(0, bucket.tokens - tokens)
    remember(this.#addresses, neighbourhood, bucket)
  }

  #refilled(bucket: Bucket, perSecond: number): number {
    const now = this.#nowMs()
    bucket.tokens = Math.min(
      this.#limits.sessionsMax,
      bucket.tokens + ((now - bucket.at) * perSecond) / 1_000,
    )
    bucket.at = now
    return bucket.tokens
  }
}

const keyOf = (identity: string, address: string): string => `${identity} ${neighbourhoodOf(address)}`

/** Puts the entry last; a full table lets go of its first. */
const remember = <V>(table: Map<string, V>, key: string, value: V): void => {
  table.delete(key)
  if (table.size >= entriesMax) {
    for (const oldest of table.keys()) {
      table.delete(oldest)
      break
    }
  }
  table.set(key, value)
}
