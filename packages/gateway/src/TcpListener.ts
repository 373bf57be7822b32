/** TCP connections as transports. */
import { createServer, type Server, Socket } from "node:net"
import { Effect, Schema } from "effect"
import type { Session } from "./Session.ts"
import type { Transport } from "./Transport.ts"

/** The address can't be listened on. The message says what to do. */
export class ListenRefused extends Schema.TaggedError<ListenRefused>()("ListenRefused", {
  message: Schema.String,
}) {}

export interface Address {
  readonly host: string
  readonly port: number
}

/** What accepts connections, told how many are open with this one: a session for each, or a refusal that has already been written. */
export type Accept = (transport: Transport, connections: number) => Session | undefined

const transportOf = (socket: Socket): Transport => ({
  peer: `${socket.remoteAddress}:${socket.remotePort}`,
  write: (bytes) => void socket.write(bytes),
  unreadBytes: () => socket.writableLength,
  pause: () => socket.pause(),
  resume: () => socket.resume(),
  end: () => {
    socket.end()
    // Who does not close its side, whatever it still sends, does not keep the socket for ever.
    const late = setTimeout(() => socket.destroy(), closingMsMax)
    socket.once("close", () => clearTimeout(late))
  },
  destroy: () => socket.destroy(),
})

const closingMsMax = 5_000

/** Every chunk of every connection is read into this one: what a session wants to keep it copies. */
const readBuffer = Buffer.allocUnsafeSlow(65_536)

/**
 * An accepted socket allocates 64 KiB for each chunk that it reads, which shows; only a
 * socket made with `onread` reads into a buffer of its own. `net.Server` makes none such, so the accepted one hands
 * its handle over. In pairs of runs of `load` 1.02 to 1.23 times the requests a second on 512 connections with one in flight,
 * 1.05 to 1.25 times on 8 with batches.
 */
const readInto = (accepted: Socket, onBytes: (bytes: Uint8Array) => void): Socket => {
  // Node's own field and its own option, though neither is documented; the Node that runs this is pinned, and the
  // tests of the listener fail if either goes.
  const holder = accepted as unknown as { _handle: unknown }
  const handle = holder._handle
  holder._handle = null
  const onread = {
    buffer: readBuffer,
    callback: (count: number) => {
      onBytes(readBuffer.subarray(0, count))
      return true
    },
  }
  const options = { handle, onread, allowHalfOpen: true }
  return new Socket(options as ConstructorParameters<typeof Socket>[0])
}

/** Listens until the scope closes. Connections that are open then are the gateway's to end. */
export const listenTcp = Effect.fnUntraced(function* (
  address: Address,
  backlog: number,
  accept: Accept,
  nowSeconds: () => number,
) {
  // Half open: who sent all it had and closed its side still gets its answers.
  let connections = 0
  const options = { noDelay: true, keepAlive: true, allowHalfOpen: true, pauseOnConnect: true }
  const server = createServer(options, (accepted) => {
    const socket = readInto(accepted, (bytes) => session?.receive(bytes, nowSeconds()))
    connections++
    const session = accept(transportOf(socket), connections)
    // An error is followed by 'close', which says all that matters here.
    socket.on("error", () => {})
    socket.on("drain", () => session?.drained())
    socket.on("end", () => session?.finish())
    socket.on("close", () => {
      connections--
      session?.close("the connection closed")
    })
    socket.resume()
  })
  yield* Effect.callback<void, ListenRefused>((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenRefused({ message: refusalOf(error, address) }))),
    )
    server.listen({ host: address.host, port: address.port, backlog }, () => resume(Effect.void))
  })
  yield* Effect.addFinalizer(() => stopListening(server))
  const bound = server.address()
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port
  return { address: { host: address.host, port } satisfies Address, stop: stopListening(server) }
})

/** No new connections; those that are open go on. */
const stopListening = (server: Server) => Effect.sync(() => void server.close())

const refusalOf = (error: NodeJS.ErrnoException, { host, port }: Address): string => {
  switch (error.code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use by another program: stop it, or choose another port`
    case "EACCES":
      return `no permission to listen on ${host}:${port}: ports below 1024 need a privilege; choose a higher one`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: set host to one that is, for example 127.0.0.1`
    default:
      return `cannot listen on ${host}:${port}: ${error.message}`
  }
}
