// What carries the bytes, and what tells the time: interfaces, so that WebSocket, TLS and a simulated network fit in.

export interface TransportEvents {
  /** The way is open: bytes may be written. Once, before anything else. */
  opened(): void
  /** Good only during the call. */
  data(chunk: Uint8Array): void
  /** Once, and nothing after it; also when it never opened. `problem` is null after a plain end. */
  closed(problem: string | null): void
}

export interface TransportConnection {
  /** Takes the bytes as they are: they must not be changed afterwards. Does nothing on a closed connection. */
  write(bytes: Uint8Array): void
  /** Lets go at once; `closed` still comes. */
  close(): void
}

export interface Transport {
  /** The scheme of the URLs that this transport opens, with its colon: "tcp:". */
  readonly protocol: string
  /** Never throws: what fails is told by `closed`, and never from inside this call. */
  open(url: URL, events: TransportEvents): TransportConnection
}

/** Deadlines and pauses of the data plane; plain, because there may be one for each request. */
export interface Timers {
  /** Calls back after so long; the result cancels. */
  after(ms: number, then: () => void): () => void
}

export const systemTimers: Timers = {
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}
