// The transport over plain TCP: "tcp://host:port".
import { connect } from "node:net"
import type { Transport } from "./Transport.ts"

const DEFAULT_PORT = 7100

export const tcpTransport: Transport = {
  protocol: "tcp:",
  open(url, events) {
    let problem: string | null = null
    // URL keeps the brackets of an IPv6 address; connect wants none.
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const socket = connect({ host, port: url.port === "" ? DEFAULT_PORT : Number(url.port), noDelay: true })
    socket.on("connect", () => events.opened())
    socket.on("data", (chunk: Uint8Array) => events.data(chunk))
    socket.on("error", (error) => {
      problem = error.message
    })
    socket.on("close", () => events.closed(problem))
    return {
      write: (bytes) => {
        if (!socket.destroyed) socket.write(bytes)
      },
      close: () => {
        socket.destroy()
      },
    }
  },
}
