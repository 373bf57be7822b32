/** TCP connections as transports, plain or under TLS. */
import { createServer, type Server, Socket } from "node:net"
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls"
import { Context, Effect, type Scope } from "effect"
import type { GatewayLimits } from "./Limits.ts"
import { type Address, type Door, ListenRefused, refusalOf } from "./Listener.ts"
import { readTls, type TlsFiles } from "./Tls.ts"
import type { Transport } from "./Transport.ts"

const transportOf = (socket: Socket, certified: boolean): Transport => ({
  peer: `${socket.remoteAddress}:${socket.remotePort}`,
  address: socket.remoteAddress ?? "",
  certified,
  write: (bytes) => void socket.write(bytes),
  // Below its own mark a socket promises no 'drain': who waited for one would wait for ever.
  unreadBytes: () => (socket.writableNeedDrain ? socket.writableLength : 0),
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

/** Connections that the system may queue before they are accepted: a scheme's terminals come back all at once. */
const backlogMax = 4_096
/** Connections beyond the sessions: those that are being told that there is no room, or shake hands. */
export const connectionsBeyond = 64

/** Listens until the scope closes. Connections that are open then are the gateway's to end. */
export const listenTcp = Effect.fnUntraced(function* (
  address: Address,
  limits: Pick<GatewayLimits, "sessionsMax" | "logonSecondsMax">,
  door: Door,
  tls?: TlsFiles,
): Effect.fn.Return<TcpListener, ListenRefused, Scope.Scope> {
  const server = tls === undefined ? plainServer(door) : yield* secureServer(limits, door, tls)
  server.maxConnections = limits.sessionsMax + connectionsBeyond
  yield* Effect.callback<void, ListenRefused>((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenRefused({ message: refusalOf(error.code, error.message, address) }))),
    )
    const { host, port } = address
    server.listen({ host, port, backlog: backlogMax }, () => resume(Effect.void))
  })
  yield* Effect.addFinalizer(() => stopListening(server))
  const bound = server.address()
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port
  return {
    address: { host: address.host, port } satisfies Address,
    stop: stopListening(server),
    reload: (files) => {
      if ("setSecureContext" in server) server.setSecureContext(readTls(files))
    },
  }
})

// Half open: who sent all it had and closed its side still gets its answers.
const socketOptions = { noDelay: true, keepAlive: true, allowHalfOpen: true }

const plainServer = (door: Door): Server =>
  createServer({ ...socketOptions, pauseOnConnect: true }, (accepted) => {
    const socket = readInto(accepted, (bytes) => receive(bytes))
    const receive = serveSocket(socket, door, false)
    socket.resume()
  })

const secureServer = (limits: Pick<GatewayLimits, "logonSecondsMax">, door: Door, files: TlsFiles) =>
  Effect.try({
    try: (): TlsServer => {
      const options = {
        ...socketOptions,
        ...readTls(files),
        handshakeTimeout: limits.logonSecondsMax * 1_000,
        // Who is asked may have none: whether one is needed is known when a host says who it is.
        requestCert: files.ca !== undefined,
        rejectUnauthorized: false,
      }
      const server = createTlsServer(options, (socket: TLSSocket) => {
        // A session that is taken up again counts as authorized also when the first time nobody showed a certificate.
        const certified = socket.authorized && socket.getPeerX509Certificate() !== undefined
        const receive = serveSocket(socket, door, files.ca !== undefined && certified)
        socket.on("data", receive)
      })
      server.on("tlsClientError", (_, socket) => {
        door.turnedAway("tls")
        // Who does not shake hands in time is told to Node, and left open by it.
        socket.destroy()
      })
      return server
    },
    catch: (error) => new ListenRefused({ message: error instanceof Error ? error.message : String(error) }),
  })

/** Gives what takes the socket's bytes. */
const serveSocket = (socket: Socket, door: Door, certified: boolean): ((bytes: Uint8Array) => void) => {
  const session = door.enter(transportOf(socket, certified))
  // An error is followed by 'close', which says all that matters here.
  socket.on("error", () => {})
  socket.on("drain", () => session?.drained())
  socket.on("end", () => session?.finish())
  socket.on("close", () => {
    door.left()
    session?.close("the connection closed")
  })
  return (bytes) => session?.receive(bytes, door.nowSeconds())
}

/** A listener that listens. */
export interface TcpListener {
  readonly address: Address
  /** No new connections; those that are open go on. */
  readonly stop: Effect.Effect<void>
  /** New connections get the new certificate; open ones keep theirs. Throws when the files can't be used. */
  readonly reload: (files: TlsFiles) => void
}

/** How the gateway's TCP connections come: from the system, where nobody brings others. */
export class TcpListening extends Context.Reference<
  (
    address: Address,
    limits: Pick<GatewayLimits, "sessionsMax" | "logonSecondsMax">,
    door: Door,
    tls?: TlsFiles,
  ) => Effect.Effect<TcpListener, ListenRefused, Scope.Scope>
>("gateway/TcpListening", { defaultValue: () => listenTcp }) {}

/** No new connections; those that are open go on. */
const stopListening = (server: Server): Effect.Effect<void> => Effect.sync(() => void server.close())
