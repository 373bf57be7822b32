// What carries a load's bytes: plain sockets, TLS, and WebSocket by hand, since the platform's own takes most of a core.
import { randomBytes } from "node:crypto"
import { connect, isIP, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { secureOptions, type TlsOptions } from "@millrace/client"
import { eachMessage, FRAME_LENGTH_FIELD_BYTES } from "@millrace/protocol"

export interface Target {
  readonly scheme: "tcp" | "tls" | "ws" | "wss"
  readonly host: string
  readonly port: number
  /** The address of this machine that it comes from; the system's choice by default. */
  readonly from?: string
}

export interface ChannelEvents {
  readonly opened: () => void
  /** Part of the stream of frames; good only during the call. */
  readonly bytes: (chunk: Uint8Array) => void
  /** All that one read brought has been handed over. */
  readonly read: () => void
  readonly error: (error: NodeJS.ErrnoException) => void
  readonly closed: () => void
}

export interface Channel {
  /** Sends whole frames that the caller leaves as they are until an answer has come. */
  readonly write: (frames: Uint8Array) => void
  readonly destroy: () => void
}

/** Every plain connection reads into it: its bytes are used up before the next read. */
const readBuffer = Buffer.allocUnsafe(262_144)

const openSocket = (
  target: Target,
  tls: TlsOptions,
  events: Pick<ChannelEvents, "error" | "closed"> & {
    readonly connected: (socket: Socket) => void
    readonly chunk: (bytes: Buffer) => void
  },
): Socket => {
  const { host, port, scheme } = target
  const local = target.from === undefined ? {} : { localAddress: target.from }
  const secure = scheme === "tls" || scheme === "wss"
  const socket = secure
    ? connectTls({
        host,
        port,
        ...local,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...secureOptions(tls),
      })
    : connect({
        host,
        port,
        ...local,
        noDelay: true,
        onread: {
          buffer: readBuffer,
          callback: (count) => {
            events.chunk(readBuffer.subarray(0, count))
            return true
          },
        },
      })
  if (secure) {
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => events.chunk(chunk))
  }
  socket.on(secure ? "secureConnect" : "connect", () => events.connected(socket))
  socket.on("error", events.error)
  socket.on("close", events.closed)
  return socket
}

export const openChannel = (target: Target, tls: TlsOptions, events: ChannelEvents): Channel => {
  if (target.scheme === "ws" || target.scheme === "wss") return openWebSocket(target, tls, events)
  const socket = openSocket(target, tls, {
    ...events,
    connected: events.opened,
    chunk: (bytes) => {
      events.bytes(bytes)
      events.read()
    },
  })
  return { write: (frames) => void socket.write(frames), destroy: () => socket.destroy() }
}

const Opcode = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const
const FINAL = 0x80
const MASKED = 0x80
const HANDSHAKE_BYTES_MAX = 16_384

const openWebSocket = (target: Target, tls: TlsOptions, events: ChannelEvents): Channel => {
  let handshake = ""
  let open = false
  const reader = new MessageReader(events.bytes, {
    ping: () => socket.write(masked(Opcode.pong, new Uint8Array(0))),
    close: () => socket.end(),
  })
  const socket = openSocket(target, tls, {
    ...events,
    connected: (connected) => connected.write(upgradeRequest(target)),
    chunk: (bytes) => {
      if (open) {
        reader.push(bytes)
        events.read()
        return
      }
      handshake += bytes.toString("latin1")
      const end = handshake.indexOf("\r\n\r\n")
      if (end < 0 && handshake.length < HANDSHAKE_BYTES_MAX) return
      const status = handshake.split("\r\n", 1)[0]
      if (!/^HTTP\/1\.1 101 /.test(status)) {
        events.error(new Error(`no WebSocket there: ${status}`))
        return
      }
      open = true
      events.opened()
      // A server says nothing before it is spoken to, but it might.
      if (handshake.length > end + 4) reader.push(Buffer.from(handshake.slice(end + 4), "latin1"))
    },
  })
  return {
    write: (frames) => eachMessage(frames, (message) => void socket.write(masked(Opcode.binary, message))),
    destroy: () => socket.destroy(),
  }
}

const upgradeRequest = ({ host, port }: Target): string =>
  [
    "GET / HTTP/1.1",
    `Host: ${host.includes(":") ? `[${host}]` : host}:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    "",
    "",
  ].join("\r\n")

/** A mask of zeros leaves the payload as it is: masks guard proxies from pages, and this is no page. */
const masked = (opcode: number, payload: Uint8Array): Buffer => {
  const { length } = payload
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.allocUnsafe(6 + size + length)
  frame[0] = FINAL | opcode
  frame[1] = MASKED | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) frame.writeUInt16BE(length, 2)
  if (size === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.fill(0, 2 + size, 6 + size)
  frame.set(payload, 6 + size)
  return frame
}

/** The server's messages as a stream of frames: each gets its length in front. */
export class MessageReader {
  readonly #bytes: (chunk: Uint8Array) => void
  readonly #control: { readonly ping: () => void; readonly close: () => void }
  readonly #length = Buffer.alloc(FRAME_LENGTH_FIELD_BYTES)
  readonly #head = Buffer.alloc(10)
  #headBytes = 0
  #remaining = 0
  #binary = false

  constructor(bytes: (chunk: Uint8Array) => void, control: { ping: () => void; close: () => void }) {
    this.#bytes = bytes
    this.#control = control
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#remaining > 0) {
        const end = Math.min(chunk.length, at + this.#remaining)
        this.#remaining -= end - at
        if (this.#binary) this.#bytes(chunk.subarray(at, end))
        at = end
        continue
      }
      this.#head[this.#headBytes++] = chunk[at++]
      const short = this.#head[1] & 127
      const size = short < 126 ? 0 : short === 126 ? 2 : 8
      if (this.#headBytes < 2 + size) continue
      this.#headBytes = 0
      this.#begin(
        this.#head[0] & 15,
        size === 0 ? short : size === 2 ? this.#head.readUInt16BE(2) : this.#head.readUInt32BE(6),
      )
    }
  }

  #begin(opcode: number, length: number): void {
    this.#remaining = length
    this.#binary = opcode === Opcode.binary
    if (this.#binary) {
      this.#length.writeUInt32LE(length)
      this.#bytes(this.#length)
    } else if (opcode === Opcode.ping) this.#control.ping()
    else if (opcode === Opcode.close) this.#control.close()
  }
}
