// The transport over plain TCP: "tcp://host:port".
import { connect } from "node:net"
import type { Transport } from "./Transport.ts"

const DEFAULT_PORT = 7100

/** Every chunk is read into this one: without it a socket allocates 64 KiB a chunk. What is kept is copied. */
const readBuffer = Buffer.allocUnsafeSlow(65_536)

export const tcpTransport: Transport = {
  protocol: "tcp:",
  open(url, events) {
    let problem: string | null = null
    // URL keeps the brackets of an IPv6 address; connect wants none.
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const port = url.port === "" ? DEFAULT_PORT : Number(url.port)
    const onread = {
      buffer: readBuffer,
      callback: (count: number) => {
        events.data(readBuffer.subarray(0, count))
        return true
      },
    }
    const socket = connect({ host, port, noDelay: true, onread })
    socket.on("connect", () => events.opened())
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
