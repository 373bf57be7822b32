// Waiting on events with a generous limit: what never comes fails by its name and does not hang.

/** No test is about speed: so long nothing takes that works. */
export const WAIT_SECONDS_MAX = 45

export const within = <A>(what: string, event: Promise<A>, seconds = WAIT_SECONDS_MAX): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${seconds} s for ${what}`)), seconds * 1_000)
    event.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** Until the condition holds, looked at again and again. */
export const until = async (
  what: string,
  holds: () => boolean,
  seconds = WAIT_SECONDS_MAX,
): Promise<void> => {
  const end = performance.now() + seconds * 1_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s until ${what}`)
    await sleep(5)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
