/** WebSocket connections as transports, on uWebSockets.js: one binary message is one frame without its length field. */

import type { TemplatedApp, us_listen_socket, WebSocket } from "uWebSockets.js"
import { createServer } from "node:net"
import {
  eachMessage,
  FRAME_LENGTH_BYTES_MIN as HEADER_BYTES,
  FRAME_LENGTH_FIELD_BYTES as LENGTH_BYTES,
  RECORD_BYTES,
} from "@millrace/protocol"
import { Effect } from "effect"
import type { GatewayLimits } from "./Limits.ts"
import { type Address, type Door, ListenRefused, refusalOf } from "./Listener.ts"
import type { Fault, Session } from "./Session.ts"
import type { TlsFiles } from "./Tls.ts"

type Uws = typeof import("uWebSockets.js")

export interface WebSocketOptions extends Address {
  /** Origins of the pages that may connect. Who says no origin is not a browser, and is let in. */
  readonly origins: ReadonlyArray<string>
  /** Serve without this listener when its native library does not load. */
  readonly optional?: boolean
  /** For tests: another `pingSecondsMax`, from 8. */
  readonly pingSecondsMax?: number
  /** For tests: where the library comes from. */
  readonly load?: () => Promise<Uws>
}

/** One connection, and what the library gives back with each of its events. */
interface Line {
  readonly peer: string
  readonly address: string
  session: Session | undefined
  entered: boolean
  /** This side has ended it. */
  ended: boolean
  /** The library's object must not be touched any more. */
  gone: boolean
  paused: boolean
  /** Frames, with their lengths, that came while the session was not reading. */
  held: Buffer
  heldBytes: number
}
export interface WebSocketDoor extends Door<Session> {
  /** Connections of all listeners, with those that are only being told that there is no room. */
  readonly connections: () => number
}

type Socket = WebSocket<{ readonly line: Line }>

/** Beyond the longest frame: one that is a little too long still hears from the session why it is refused. */
const slackBytes = 65_536
/** Connections that have not asked for WebSocket yet, beyond all sessions: each takes a descriptor. */
const openingBeyond = 64
/** A ping goes out after this silence, less its margin of 16 s; without a pong the connection is half open and closed. */
const pingSecondsMax = 120
/** TLS 1.2 and older only: a cipher that needs a key which nobody has. So they can't be spoken; 1.3 has its own. */
const noOldCiphers = "ECDHE-PSK-AES128-CBC-SHA"
const nothing = Buffer.alloc(0)
const named = " (WebSocket)"

const libraryMissing = (error: unknown): string =>
  `the WebSocket library (uWebSockets.js) has no binary for ${process.platform} ${process.arch} with Node ${process.versions.node}` +
  `${error instanceof Error && /cannot open|GLIBC|dlopen/i.test(error.message) ? " and this system's C library" : ""}: ` +
  "run on Linux with glibc, macOS or Windows with Node 22, leave ws.port out, or set ws.optional (--ws-optional) to serve without it"

/** The longest message that is taken, and what a sender that keeps to the welcome's limits can have sent unread. */
const bounds = (limits: GatewayLimits) => {
  const frame = HEADER_BYTES + Math.max(limits.messageBytesMax, limits.batchRecordsMax * RECORD_BYTES)
  const messages = limits.messagesInFlightMax * (limits.messageBytesMax + LENGTH_BYTES + HEADER_BYTES)
  const records = limits.recordsInFlightMax * (RECORD_BYTES + LENGTH_BYTES + HEADER_BYTES)
  return {
    payloadBytesMax: frame + slackBytes,
    heldBytesMax: messages + records,
    // Answers to all that may be in flight fit in: nobody who reads at all is cut off.
    unreadBytesMax: limits.unreadBytesMax + messages + records,
  }
}

const tooMuch: Fault = { code: "busy", message: "more was sent than the welcome's limits allow" }
const tooShort: Fault = { code: "bad-frame", message: "a frame is at least 8 bytes here" }
const notBinary: Fault = { code: "bad-frame", message: "a text message: a frame is one binary message" }

/**
 * Listens until the scope closes, or not at all when the library is missing and that is allowed. Connections that are
 * open then are the gateway's to end; `destroy` closes what is left of them.
 */
export const listenWebSocket = Effect.fnUntraced(function* (
  options: WebSocketOptions,
  limits: GatewayLimits,
  door: WebSocketDoor,
  tls: TlsFiles | undefined,
) {
  const load = options.load ?? (() => import("uWebSockets.js"))
  const library = yield* Effect.tryPromise({ try: load, catch: libraryMissing }).pipe(
    Effect.catch((message) =>
      options.optional === true
        ? Effect.as(Effect.logWarning(`serving WITHOUT WebSocket: ${message}`), undefined)
        : Effect.fail(new ListenRefused({ message })),
    ),
  )
  if (library === undefined) return undefined
  const port = yield* freePort(options)
  const apps = new Set<TemplatedApp>()
  let listening: us_listen_socket | undefined

  const stopNow = (): void => {
    if (listening !== undefined) library.us_listen_socket_close(listening)
    listening = undefined
  }
  /** The library can't change a certificate: a new listener shares the port with the old one, which then lets go. */
  const open = (files: TlsFiles | undefined): boolean => {
    const app = appOf(library, options, limits, door, files)
    let opened: us_listen_socket | undefined
    app.listen(options.host, port, (socket) => {
      if (socket !== false) opened = socket
    })
    if (opened === undefined) return false
    apps.add(app)
    stopNow()
    listening = opened
    return true
  }
  const stop = Effect.sync(stopNow)
  const opened = yield* Effect.try({
    try: () => open(tls),
    catch: () => new ListenRefused({ message: "the WebSocket listener can't use tls.cert and tls.key" }),
  })
  if (!opened)
    return yield* new ListenRefused({ message: refusalOf("EADDRINUSE", "", { ...options, port }, named) })
  yield* Effect.addFinalizer(() => stop)
  return {
    address: { host: options.host, port } satisfies Address,
    stop,
    destroy: () => {
      for (const app of apps) app.close()
    },
    /** New connections get the new certificate; open ones keep theirs. Throws when the files can't be used. */
    reload: (files: TlsFiles) => {
      if (listening !== undefined && !open(files)) throw new Error(`port ${port} was not to be had again`)
    },
  }
})

/**
 * A port that nobody listens at. The library gives no reason when it can't have one, shares one with whoever else wants
 * it, which no operator means, and does not let go of one that the system chose: so the port is found beforehand.
 */
const freePort = (address: Address) =>
  Effect.callback<number, ListenRefused>((resume) => {
    const probe = createServer()
    probe.once("error", (error: NodeJS.ErrnoException) =>
      resume(
        Effect.fail(new ListenRefused({ message: refusalOf(error.code, error.message, address, named) })),
      ),
    )
    probe.listen({ host: address.host, port: address.port }, () => {
      const bound = probe.address()
      const port = typeof bound === "object" && bound !== null ? bound.port : address.port
      probe.close(() => resume(Effect.succeed(port)))
    })
  })

const appOf = (
  library: Uws,
  options: WebSocketOptions,
  limits: GatewayLimits,
  door: WebSocketDoor,
  tls: TlsFiles | undefined,
): TemplatedApp => {
  const { payloadBytesMax, heldBytesMax, unreadBytesMax } = bounds(limits)
  const origins = new Set(options.origins)
  // One for all: a message is copied behind its length, read, and over before the next one comes.
  const framed = Buffer.allocUnsafeSlow(LENGTH_BYTES + payloadBytesMax)

  const received = (line: Line, message: ArrayBuffer, isBinary: boolean): void => {
    const { session } = line
    if (session === undefined) return
    if (!isBinary) {
      session.refuse(notBinary)
      return
    }
    if (message.byteLength < HEADER_BYTES) {
      session.refuse(tooShort)
      return
    }
    framed.writeUInt32LE(message.byteLength, 0)
    framed.set(new Uint8Array(message), LENGTH_BYTES)
    const frame = framed.subarray(0, LENGTH_BYTES + message.byteLength)
    if (!line.paused) session.receive(frame, door.nowSeconds())
    else if (line.heldBytes + frame.length <= heldBytesMax) hold(line, frame)
    else session.refuse(tooMuch)
  }

  const app =
    tls === undefined
      ? library.App()
      : library.SSLApp({
          cert_file_name: tls.cert,
          key_file_name: tls.key,
          ssl_ciphers: noOldCiphers,
        })
  // The library lets go of who asks nothing within ten seconds or so, but bounds their number nowhere.
  let opening = 0
  // biome-ignore lint/suspicious/useIterableCallbackReturn: not an array's filter, but the library's watch over sockets
  app.filter((response, change) => {
    opening += change
    if (change > 0 && opening + door.connections() > limits.sessionsMax + openingBeyond) response.close()
  })
  app.ws<{ readonly line: Line }>("/", {
    compression: 0,
    maxPayloadLength: payloadBytesMax,
    maxBackpressure: unreadBytesMax,
    closeOnBackpressureLimit: true,
    idleTimeout: options.pingSecondsMax ?? pingSecondsMax,
    sendPingsAutomatically: true,
    upgrade: (response, request, context) => {
      const origin = request.getHeader("origin")
      if (origin !== "" && !origins.has(origin)) {
        door.turnedAway("origin")
        response.writeStatus("403 Forbidden").end("this origin may not connect\n", true)
        return
      }
      const address = Buffer.from(response.getRemoteAddressAsText()).toString()
      const line: Line = {
        peer: address,
        address,
        session: undefined,
        entered: false,
        gone: false,
        ended: false,
        paused: false,
        held: nothing,
        heldBytes: 0,
      }
      // From here on it counts as a connection of the door's; the filter hears no more of it.
      opening--
      response.upgrade(
        { line },
        request.getHeader("sec-websocket-key"),
        "",
        request.getHeader("sec-websocket-extensions"),
        context,
      )
    },
    open: (ws) => {
      const { line } = ws.getUserData()
      line.entered = true
      line.session = door.enter(transportOf(ws, line, door))
    },
    message: (ws, message, isBinary) => received(ws.getUserData().line, message, isBinary),
    drain: (ws) => {
      if (ws.getBufferedAmount() === 0) ws.getUserData().line.session?.drained()
    },
    close: (ws) => {
      const { line } = ws.getUserData()
      line.gone = true
      line.held = nothing
      line.session?.close("the connection closed")
      if (!line.entered) return
      // Whom we said goodbye to may keep the socket, and its descriptor, for a while.
      if (line.ended) setTimeout(() => door.left(), lingerMsMax).unref()
      else door.left()
    },
  })
  app.any("/*", (response) => {
    door.turnedAway("path")
    response.writeStatus("404 Not Found").end("WebSocket clients connect to /\n", true)
  })
  return app
}

/** How long the library waits for the other side to close, and some more. */
const lingerMsMax = 20_000

/** The library can't stop reading a connection; what comes meanwhile waits here, up to what a fair sender can have sent. */
const hold = (line: Line, frame: Buffer): void => {
  const needed = line.heldBytes + frame.length
  if (needed > line.held.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, line.held.length * 2, 1_024))
    line.held.copy(grown, 0, 0, line.heldBytes)
    line.held = grown
  }
  frame.copy(line.held, line.heldBytes)
  line.heldBytes = needed
}

const transportOf = (ws: Socket, line: Line, door: Door<Session>) => ({
  peer: line.peer,
  address: line.address,
  // The library asks nobody for a certificate.
  certified: false,
  write: (bytes: Uint8Array) =>
    eachMessage(bytes, (message) => {
      if (!line.gone) ws.send(message, true)
    }),
  unreadBytes: () => (line.gone ? 0 : ws.getBufferedAmount()),
  pause: () => {
    line.paused = true
  },
  resume: () => {
    line.paused = false
    if (line.heldBytes === 0) return
    const held = line.held.subarray(0, line.heldBytes)
    line.held = nothing
    line.heldBytes = 0
    line.session?.receive(held, door.nowSeconds())
  },
  end: () => {
    line.ended = true
    if (!line.gone) ws.end(1000)
  },
  destroy: () => {
    if (!line.gone) ws.close()
  },
})
