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
    const bucket = this.#addresses.get(address)
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
    const bucket = this.#addresses.get(address) ?? { tokens: this.#limits.sessionsMax, at: this.#nowMs() }
    this.#refilled(bucket, this.#limits.logonsPerAddressSecondMax)
    // What is owed is owed once: an address comes back a second or so after it stopped.
    bucket.tokens = Math.max(0, bucket.tokens - tokens)
    remember(this.#addresses, address, bucket)
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

const keyOf = (identity: string, address: string): string => `${identity} ${address}`

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
