// The SDK for terminals and hosts.
export { Client, type ConnectOptions, type ExchangeResult } from "./Client.ts"
export {
  ClientClosed,
  type ClientError,
  type ConnectError,
  ConnectionBroken,
  CredentialError,
  LogonRefused,
  MessageRefused,
  PendingFileRefused,
  ServerNotProven,
  Unknown,
  Unreachable,
} from "./ClientError.ts"
export type {
  Commands,
  Issued,
  Made,
  MessageError,
  MessageOptions,
  SendMessage,
  Transaction,
} from "./Commands.ts"
export { defaultReconnect } from "./Connector.ts"
export { type Credential, makeCredential, parseCredential, readCredential } from "./Credential.ts"
export type { Stats } from "./Exchanger.ts"
export { Standing } from "./Flight.ts"
export { type Forwarded, REVERSAL_BIT } from "./Forwarding.ts"
export type { PendingDisk } from "./PendingDisk.ts"
export { PendingReversals } from "./PendingReversals.ts"
export type { Submission } from "./Pins.ts"
export type { RandomBytes } from "./Random.ts"
export { tcpTransport } from "./TcpTransport.ts"
export { secureOptions, type TlsOptions, tlsTransport } from "./TlsTransport.ts"
export {
  systemTimers,
  type Timers,
  type Transport,
  type TransportConnection,
  type TransportEvents,
} from "./Transport.ts"
export { transportFor } from "./transports.ts"
export { webSocketTransport } from "./WebSocketTransport.ts"
