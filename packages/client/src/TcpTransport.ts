// The transport over plain TCP: "tcp://host:port".
import { connect, type Socket } from "node:net"
import type { Transport, TransportConnection, TransportEvents } from "./Transport.ts"

const DEFAULT_PORT = 7100

/** Every chunk is read into this one: without it a socket allocates 64 KiB a chunk. What is kept is copied. */
const readBuffer = Buffer.allocUnsafeSlow(65_536)

/** URL keeps the brackets of an IPv6 address; connect wants none. */
export const addressOf = (url: URL): { readonly host: string; readonly port: number } => ({
  host: url.hostname.replace(/^\[|\]$/g, ""),
  port: url.port === "" ? DEFAULT_PORT : Number(url.port),
})

/** What a socket gives a session, plain or secure; why it closed is told with its end. */
export const connectionOf = (socket: Socket, events: TransportEvents): TransportConnection => {
  let problem: string | null = null
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
}

export const tcpTransport: Transport = {
  protocol: "tcp:",
  open(url, events) {
    const onread = {
      buffer: readBuffer,
      callback: (count: number) => {
        events.data(readBuffer.subarray(0, count))
        return true
      },
    }
    const socket = connect({ ...addressOf(url), noDelay: true, onread })
    socket.on("connect", () => events.opened())
    return connectionOf(socket, events)
  },
}
