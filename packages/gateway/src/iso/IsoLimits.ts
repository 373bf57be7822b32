/** The ISO 8583 listener's limits. Every one has a clear refusal or is back-pressure; none is reached silently. */

export interface IsoLimits {
  /** Connections at a time over all ISO 8583 ports; one more is closed. */
  readonly sessionsMax: number
  /** Requests of one connection that are not answered yet; beyond it its socket is not read. */
  readonly inFlightMax: number
  /** Bytes of one message without its framing; a longer one closes the connection. */
  readonly messageBytesMax: number
  /** Bytes written that the other end has not read; beyond it its socket is not read either. */
  readonly unreadBytesMax: number
  /** From connect to a good logon. */
  readonly logonSecondsMax: number
  /** Half a message and silence. */
  readonly frameSecondsMax: number
  /** Silence; echo (0800, 301) keeps a connection open. */
  readonly idleSecondsMax: number
  /** Messages in a row that can't be read or whose MAC is wrong; one more closes the connection. */
  readonly badInARowMax: number
  /** How long what was sent under the keys before a change is still taken. */
  readonly oldKeysSecondsMax: number
}

export const defaultIsoLimits: IsoLimits = {
  sessionsMax: 256,
  inFlightMax: 4_096,
  messageBytesMax: 4_096,
  unreadBytesMax: 1_048_576,
  logonSecondsMax: 30,
  frameSecondsMax: 15,
  idleSecondsMax: 300,
  badInARowMax: 16,
  oldKeysSecondsMax: 60,
}
