// Which transport a URL asks for.
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { tcpTransport } from "./TcpTransport.ts"
import { type TlsOptions, tlsTransport } from "./TlsTransport.ts"
import type { Transport } from "./Transport.ts"
import { webSocketTransport } from "./WebSocketTransport.ts"

/** The platform's WebSocket takes no authority of its own: the process learns to trust it. */
const trust = (ca: string | Uint8Array): void => {
  const text = typeof ca === "string" ? ca : Buffer.from(ca).toString()
  const known = getCACertificates("default")
  if (!known.includes(text)) setDefaultCACertificates([...known, text])
}

/** The transport of the URL's scheme; of one that there is not, TCP, which then says what it expects. */
export const transportFor = (url: string, tls: TlsOptions = {}): Transport => {
  switch (/^[a-z]+:/i.exec(url)?.[0].toLowerCase()) {
    case "tls:":
      return tlsTransport(tls)
    case "ws:":
      return webSocketTransport("ws:")
    case "wss:":
      if (tls.ca !== undefined) trust(tls.ca)
      return webSocketTransport("wss:")
    default:
      return tcpTransport
  }
}
