/** What a session needs of a connection, whatever carries it. */
export interface Transport {
  /** Who is at the other end, for people. */
  readonly peer: string
  /** The address that it comes from, without the port: what rates of logons are kept by. */
  readonly address: string
  /** It has shown a certificate that the operator's authority signed. */
  readonly certified: boolean
  /** Takes the bytes, whole frames, which the caller no longer changes. */
  readonly write: (bytes: Uint8Array) => void
  /** Bytes written that have not left; when it falls to 0 the session hears `drained`. */
  readonly unreadBytes: () => number
  /** Stops and resumes reading: how back-pressure reaches the sender. */
  readonly pause: () => void
  readonly resume: () => void
  /** Sends what was written and closes. */
  readonly end: () => void
  /** Closes at once. */
  readonly destroy: () => void
}
