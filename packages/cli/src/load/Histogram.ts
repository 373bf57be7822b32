// Latencies in log-spaced buckets of typed arrays: nothing is allocated or sorted for a recorded value.

/** Each power of two is cut into this many buckets: a bucket is at most 1/128 = 0.8 % wide. */
const BUCKETS_PER_OCTAVE_BITS = 7
const BUCKETS_PER_OCTAVE = 1 << BUCKETS_PER_OCTAVE_BITS
/** 2^32 - 1 µs: over an hour; what took longer is counted as that long, but `max` stays exact. */
const MICROSECONDS_MAX = 0xffff_ffff
const BUCKETS = bucketOf(MICROSECONDS_MAX) + 1

/** For how many others one value may stand in a corrected histogram. */
const CORRECTED_VALUES_MAX = 100_000

/** Values below 2^8 have a bucket each; above, the eight leading bits choose it. */
function bucketOf(microseconds: number): number {
  const octave = 31 - Math.clz32(microseconds) - BUCKETS_PER_OCTAVE_BITS
  return octave <= 0 ? microseconds : (octave << BUCKETS_PER_OCTAVE_BITS) + (microseconds >>> octave)
}

/** The middle of a bucket, in microseconds. */
const middleOf = (bucket: number): number => {
  if (bucket < 2 * BUCKETS_PER_OCTAVE) return bucket
  const octave = (bucket >>> BUCKETS_PER_OCTAVE_BITS) - 1
  const low = (bucket - (octave << BUCKETS_PER_OCTAVE_BITS)) * 2 ** octave
  return low + (2 ** octave - 1) / 2
}

/** Microseconds in, percentiles out, each within 1 % or 1 µs of the true one. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS)
  #count = 0
  #sum = 0
  #max = 0

  get count(): number {
    return this.#count
  }

  /** The largest value, exact; 0 when nothing was recorded. */
  get max(): number {
    return this.#max
  }

  /** Exact; 0 when nothing was recorded. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count
  }

  /** Records `times` values of so many microseconds; negative ones (a clock that stood) count as 0. */
  record(microseconds: number, times: number): void {
    if (microseconds > this.#max) this.#max = microseconds
    const whole =
      microseconds <= 0 ? 0 : microseconds >= MICROSECONDS_MAX ? MICROSECONDS_MAX : Math.round(microseconds)
    this.#counts[bucketOf(whole)] += times
    this.#count += times
    this.#sum += whole * times
  }

  /** The value that `fraction` (0 … 1) of all values do not exceed; 0 when nothing was recorded. */
  percentile(fraction: number): number {
    if (this.#count === 0) return 0
    const rank = Math.max(1, Math.ceil(fraction * this.#count))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]
      if (seen >= rank) return Math.min(middleOf(bucket), this.#max)
    }
    return this.#max
  }

  /**
   * The same with what a closed loop left out: who sends the next when one is answered sends none during a stall. As
   * HdrHistogram does it, each value over `intervalMicroseconds`, at which values would have come, stands for those that would
   * have waited behind it: value − interval, value − 2 × interval, … down to the interval.
   */
  corrected(intervalMicroseconds: number): Histogram {
    const all = new Histogram()
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const times = this.#counts[bucket]
      if (times === 0) continue
      const value = Math.min(middleOf(bucket), this.#max)
      all.record(value, times)
      const interval = Math.max(1, intervalMicroseconds, value / CORRECTED_VALUES_MAX)
      for (let missed = value - interval; missed >= interval; missed -= interval) all.record(missed, times)
    }
    return all
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sum = 0
    this.#max = 0
  }
}
