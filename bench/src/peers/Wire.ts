// A socket of a request-and-answer protocol: what is sent in one turn goes out in one write, answers come in order.
import { createConnection, type Socket } from "node:net"

/** Reads one answer at `at`. Gives where the next one begins, or -1 when it is not whole yet. */
export type ReadAnswer = (bytes: Buffer, at: number) => number

const OUT_BYTES_AT_FIRST = 65_536

export class Wire {
  readonly #socket: Socket
  readonly #read: ReadAnswer
  #out = Buffer.allocUnsafe(OUT_BYTES_AT_FIRST)
  #end = 0
  #rest: Buffer = Buffer.alloc(0)
  #flushing = false
  #closed = false

  private constructor(socket: Socket, read: ReadAnswer) {
    this.#socket = socket
    this.#read = read
    socket.on("data", (chunk) => this.#take(chunk))
  }

  static open(port: number, read: ReadAnswer, lost: (error: Error) => void): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host: "127.0.0.1", port, noDelay: true })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        const wire = new Wire(socket, read)
        socket.on("error", lost)
        socket.once("close", () => {
          if (!wire.#closed) lost(new Error("the peer closed a connection"))
        })
        resolve(wire)
      })
    })
  }

  /** Room for so many bytes, at the place that is returned: written into `out` before anything else happens. */
  reserve(bytes: number): number {
    const at = this.#end
    this.#end += bytes
    if (this.#end > this.#out.length) {
      const larger = Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(this.#end)))
      this.#out.copy(larger, 0, 0, at)
      this.#out = larger
    }
    if (!this.#flushing) {
      this.#flushing = true
      queueMicrotask(() => this.#flush())
    }
    return at
  }

  get out(): Buffer {
    return this.#out
  }

  write(text: string): void {
    const at = this.reserve(Buffer.byteLength(text))
    this.#out.write(text, at)
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #flush(): void {
    this.#flushing = false
    if (this.#closed) return
    // A copy: the socket may still hold it when the next turn writes.
    this.#socket.write(Buffer.from(this.#out.subarray(0, this.#end)))
    this.#end = 0
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at < bytes.length) {
      const next = this.#read(bytes, at)
      if (next < 0) break
      at = next
    }
    this.#rest = bytes.subarray(at)
  }
}
