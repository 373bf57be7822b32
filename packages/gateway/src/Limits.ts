/** The gateway's limits. Every one has a clear refusal; none is reached silently. */
import { BATCH_RECORDS_MAX, MESSAGE_BYTES_MAX } from "@millrace/protocol"

export interface GatewayLimits {
  /** Connections at a time; one more is told `too-many-sessions` and closed. */
  readonly sessionsMax: number
  /** Records of one session that are not answered yet; beyond it its socket is not read. */
  readonly recordsInFlightMax: number
  /** Messages of one session that are not answered yet; one more is answered `busy`. */
  readonly messagesInFlightMax: number
  /** Bytes written that the other end has not read; beyond it its socket is not read either. */
  readonly unreadBytesMax: number
  /** From connect to welcome. */
  readonly logonSecondsMax: number
  /** Half a frame and silence. */
  readonly frameSecondsMax: number
  /** A session that sends nothing; `echo` keeps it open. */
  readonly idleSecondsMax: number
  /** A message before the welcome. */
  readonly logonBytesMax: number
  readonly batchRecordsMax: number
  readonly messageBytesMax: number
  /** Logons a second over all addresses; a burst may be as large as sessionsMax. Beyond it `busy`. */
  readonly logonsPerSecondMax: number
  /** The same of one address, where a failed logon counts as 256. */
  readonly logonsPerAddressSecondMax: number
  /** Failed logons in a row of one identity from one address before it is locked there. */
  readonly logonFailuresMax: number
  /** A lock begins with a second and doubles with each failure up to this. */
  readonly lockSecondsMax: number
}

export const defaultGatewayLimits: GatewayLimits = {
  sessionsMax: 16_384,
  recordsInFlightMax: 32_768,
  messagesInFlightMax: 64,
  unreadBytesMax: 1_048_576,
  logonSecondsMax: 10,
  frameSecondsMax: 15,
  idleSecondsMax: 300,
  logonBytesMax: 1_024,
  batchRecordsMax: BATCH_RECORDS_MAX,
  messageBytesMax: MESSAGE_BYTES_MAX,
  logonsPerSecondMax: 2_000,
  logonsPerAddressSecondMax: 1_000,
  logonFailuresMax: 5,
  lockSecondsMax: 900,
}
