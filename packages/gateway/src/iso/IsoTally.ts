/** What the ISO 8583 listener has seen, in plain numbers that a scrape reads. */

export class IsoTally {
  sessionsOpened = 0
  /** Requests that were read, by the kind that the dialect gives them. */
  readonly requests = new Map<string, number>()
  /** Requests that were refused here and never reached the engine, by reason. */
  readonly refusals = new Map<string, number>()
  /** Connections that were ended by a fault, or never let in, by its code. */
  readonly faults = new Map<string, number>()

  asked(kind: string): void {
    count(this.requests, kind)
  }

  refused(reason: string): void {
    count(this.refusals, reason)
  }

  failed(code: string): void {
    count(this.faults, code)
  }
}

const count = (counts: Map<string, number>, key: string): void =>
  void counts.set(key, (counts.get(key) ?? 0) + 1)
