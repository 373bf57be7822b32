/** @millrace/gateway: who may ask. Listeners, sessions, logon and back-pressure in front of the engine. */
export { Gateway, type GatewayOptions, type GatewayTally } from "./Gateway.ts"
export { Identities, type Identity } from "./Identities.ts"
export { defaultGatewayLimits, type GatewayLimits } from "./Limits.ts"
export { type Address, ListenRefused } from "./TcpListener.ts"
