// The transport over TLS 1.3: "tls://host:port", with the server's authority and a certificate of one's own where asked for.
import { isIP } from "node:net"
import { connect } from "node:tls"
import { addressOf, connectionOf } from "./TcpTransport.ts"
import type { Transport } from "./Transport.ts"

/** PEM texts. */
export interface TlsOptions {
  /** The authority that signs the server's certificate, when the system does not know it. */
  readonly ca?: string | Uint8Array
  /** This side's own certificate and its key, for servers that ask hosts for one. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
}

const pem = (text: string | Uint8Array): string | Buffer =>
  typeof text === "string" ? text : Buffer.from(text)

/** The options of node:tls that these stand for. */
export const secureOptions = ({ ca, cert, key }: TlsOptions) => ({
  minVersion: "TLSv1.3" as const,
  ...(ca === undefined ? {} : { ca: pem(ca) }),
  ...(cert === undefined ? {} : { cert: pem(cert) }),
  ...(key === undefined ? {} : { key: pem(key) }),
})

export const tlsTransport = (options: TlsOptions = {}): Transport => ({
  protocol: "tls:",
  open(url, events) {
    const { host, port } = addressOf(url)
    // An address is no server name; certificates name it all the same.
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = connect({ host, port, ...servername, ...secureOptions(options) })
    socket.setNoDelay(true)
    socket.on("secureConnect", () => events.opened())
    socket.on("data", (chunk: Buffer) => events.data(chunk))
    return connectionOf(socket, events)
  },
})
