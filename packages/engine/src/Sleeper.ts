/** Who sleeps until there is work; woken at most once for each time it went to sleep. */
export class Sleeper {
  #wake: (() => void) | undefined

  sleep(wake: () => void): void {
    this.#wake = wake
  }

  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
