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
export type { Submission } from "./Pins.ts"
export { tcpTransport } from "./TcpTransport.ts"
export {
  systemTimers,
  type Timers,
  type Transport,
  type TransportConnection,
  type TransportEvents,
} from "./Transport.ts"
