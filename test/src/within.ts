// Waiting on events with a generous limit: what never comes fails by its name and does not hang.

/** No test is about speed: so long nothing takes that works. */
export const WAIT_SECONDS_MAX = 45

const tickMs = 250
/** The clock is looked at more often than that, unless the process was stopped. */
const stepMsMax = 4 * tickMs

let ranMs = 0
let lookedMs = performance.now()

/**
 * Seconds in which this process ran. One that was stopped for a while must not find, when it goes on, that everybody else
 * was late.
 */
export const ranSeconds = (): number => {
  const now = performance.now()
  ranMs += Math.min(now - lookedMs, stepMsMax)
  lookedMs = now
  return ranMs / 1_000
}

setInterval(ranSeconds, tickMs).unref()

export const within = <A>(what: string, event: Promise<A>, seconds = WAIT_SECONDS_MAX): Promise<A> =>
  new Promise((resolve, reject) => {
    const end = ranSeconds() + seconds
    const timer = setInterval(() => {
      if (ranSeconds() < end) return
      clearInterval(timer)
      reject(new Error(`waited ${seconds} s for ${what}`))
    }, tickMs)
    event.then(resolve, reject).finally(() => clearInterval(timer))
  })

/** Until the condition holds, looked at again and again. */
export const until = async (
  what: string,
  holds: () => boolean,
  seconds = WAIT_SECONDS_MAX,
): Promise<void> => {
  const end = ranSeconds() + seconds
  while (!holds()) {
    if (ranSeconds() > end) throw new Error(`waited ${seconds} s until ${what}`)
    await sleep(5)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
