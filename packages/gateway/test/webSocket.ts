/** RFC 6455 by hand over a bare socket, so that a test can stop reading, send half a message, or say a wrong thing. */
import { randomBytes } from "node:crypto"
import { connect, type Socket } from "node:net"
import { Duplex } from "node:stream"

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A masked client frame. */
export const clientFrame = (opcode: number, payload: Uint8Array): Buffer => {
  const { length } = payload
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.alloc(2 + size + 4 + length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) frame.writeUInt16BE(length, 2)
  if (size === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  // A mask of zeros is a mask.
  frame.set(payload, 6 + size)
  return frame
}

export interface Opened {
  readonly socket: Socket
  /** The status line of the answer. */
  readonly status: string
}

/** The opening handshake. */
export const openWebSocket = async (
  port: number,
  { path = "/", origin }: { readonly path?: string; readonly origin?: string } = {},
  socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true }),
): Promise<Opened> => {
  const key = randomBytes(16).toString("base64")
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(origin === undefined ? [] : [`Origin: ${origin}`]),
  ]
  socket.on("error", () => {})
  socket.write(`${lines.join("\r\n")}\r\n\r\n`)
  let head = Buffer.alloc(0)
  while (!head.includes("\r\n\r\n")) {
    const [chunk] = await new Promise<[Buffer | undefined]>((resolve) => {
      socket.once("data", (data: Buffer) => resolve([data]))
      socket.once("close", () => resolve([undefined]))
    })
    if (chunk === undefined) break
    head = Buffer.concat([head, chunk])
  }
  const end = head.indexOf("\r\n\r\n") + 4
  if (head.length > end) socket.unshift(head.subarray(end))
  return { socket, status: head.toString("latin1").split("\r\n")[0] }
}

/** A stream of frames as the TCP listener speaks them, carried by WebSocket messages. */
export const frameStream = async (port: number, over?: Socket): Promise<Duplex> => {
  const { socket, status } = await openWebSocket(port, {}, over)
  if (!status.includes("101")) throw new Error(status)
  let unsent: Uint8Array = Buffer.alloc(0)
  let unread: Buffer = Buffer.alloc(0)
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _, done) => {
      const bytes = Buffer.concat([unsent, chunk])
      let at = 0
      while (bytes.length - at >= 4 && bytes.length - at - 4 >= bytes.readUInt32LE(at)) {
        const end = at + 4 + bytes.readUInt32LE(at)
        socket.write(clientFrame(Opcode.binary, bytes.subarray(at + 4, end)))
        at = end
      }
      unsent = bytes.subarray(at)
      done()
    },
    destroy: (error, done) => {
      socket.destroy()
      done(error)
    },
  })
  const take = (): boolean => {
    if (unread.length < 2) return false
    const short = unread[1]
    const size = short < 126 ? 0 : short === 126 ? 2 : 8
    if (unread.length < 2 + size) return false
    const length =
      size === 0 ? short : size === 2 ? unread.readUInt16BE(2) : Number(unread.readBigUInt64BE(2))
    if (unread.length < 2 + size + length) return false
    const payload = unread.subarray(2 + size, 2 + size + length)
    const opcode = unread[0] & 15
    if (opcode === Opcode.binary) {
      const head = Buffer.alloc(4)
      head.writeUInt32LE(length)
      if (!stream.push(Buffer.concat([head, payload]))) socket.pause()
    } else if (opcode === Opcode.ping) socket.write(clientFrame(Opcode.pong, payload))
    else if (opcode === Opcode.close) stream.push(null)
    unread = unread.subarray(2 + size + length)
    return true
  }
  socket.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    while (take());
  })
  socket.on("close", () => {
    if (!stream.destroyed) stream.push(null)
  })
  return stream
}
