/** @millrace/gateway: who may ask. Listeners, sessions, logon and back-pressure in front of the engine. */
export {
  Gateway,
  type GatewayOptions,
  type GatewayTally,
  ReloadRefused,
  turnedAwayReasons,
} from "./Gateway.ts"
export { Identities, type Identity } from "./Identities.ts"
export { masterCipher, zoneMasterKey } from "./iso/HostKeys.ts"
export { IsoGateway, type IsoGatewayOptions, isoConnectionsMax } from "./iso/IsoGateway.ts"
export { conflictOf, dialectFor, type IsoHost, mistakeOf } from "./iso/IsoHost.ts"
export { defaultIsoLimits, type IsoLimits } from "./iso/IsoLimits.ts"
export { IsoTally } from "./iso/IsoTally.ts"
export { defaultGatewayLimits, type GatewayLimits } from "./Limits.ts"
export { type Address, type Door, ListenRefused } from "./Listener.ts"
export { TcpListening } from "./TcpListener.ts"
export { readTls, type TlsFiles } from "./Tls.ts"
export type { Transport } from "./Transport.ts"
