/** The network between clients and the server: ordered bytes that take their time, and connections that break in every way. */
import { crc32 } from "node:zlib"
import type { Transport as ClientTransport, TransportConnection, TransportEvents } from "@millrace/client"
import type { Door, Transport } from "@millrace/gateway"
import type { Loop, Process } from "./Loop.ts"
import type { Random } from "./Random.ts"
import type { Trace } from "./Trace.ts"

/** Bytes of a socket that the system takes before the writer hears that it is too fast. */
const socketBufferBytes = 2_048
const meanDelayMs = 4

/** A server that listens, while it does. */
export interface Listening {
  readonly process: Process
  readonly door: Door
}

interface Piece {
  readonly bytes: Uint8Array
  /** Called when the last of it has been taken by the other side. */
  readonly arrived: () => void
}

/** One direction of a connection. */
class Pipe {
  readonly #loop: Loop
  readonly #world: Process
  readonly #random: Random
  readonly #deliver: (bytes: Uint8Array) => void
  #pieces: Array<Piece> = []
  /** When the last piece so far comes: nothing overtakes it. */
  #lastAt = 0
  #waiting: Array<Piece> = []
  #paused = false
  pending = 0
  /** Carries nothing any more, and tells nobody. */
  lost = false
  closed = false
  /** Mean of what the next bytes take in addition. */
  extraMs = 0

  constructor(world: Process, random: Random, deliver: (bytes: Uint8Array) => void) {
    this.#loop = world.loop
    this.#world = world
    this.#random = random
    this.#deliver = deliver
  }

  get idle(): boolean {
    return this.pending === 0
  }

  write(bytes: Uint8Array, arrived: () => void): void {
    if (this.closed) return
    this.pending += bytes.length
    const random = this.#random
    const at = Math.max(
      this.#lastAt,
      this.#loop.now + 0.2 + random.delay(meanDelayMs) + random.delay(this.extraMs),
    )
    this.#lastAt = at
    const cut = bytes.length > 1 && random.chance(0.3) ? random.between(1, bytes.length - 1) : 0
    if (cut > 0) this.#at(at, { bytes: bytes.subarray(0, cut), arrived: () => {} })
    this.#at(at + (cut > 0 ? random.delay(1) : 0), { bytes: bytes.subarray(cut), arrived })
  }

  #at(at: number, piece: Piece): void {
    this.#lastAt = Math.max(this.#lastAt, at)
    this.#pieces.push(piece)
    this.#world.after(at - this.#loop.now, () => {
      const next = this.#pieces.shift()
      if (next === undefined || this.lost || this.closed) return
      this.#waiting.push(next)
      this.#drain()
    })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#world.soon(() => this.#drain())
  }

  #drain(): void {
    while (!this.#paused && !this.closed && !this.lost) {
      const piece = this.#waiting.shift()
      if (piece === undefined) return
      this.pending -= piece.bytes.length
      piece.arrived()
      // The reader may stop or close within the call.
      this.#deliver(piece.bytes)
    }
  }
}

/** What the network tells of, for whoever judges. */
export interface NetworkEvents {
  /** The server wrote these whole frames to a client. */
  readonly wrote: (frames: Uint8Array) => void
  /** The client has them. */
  readonly told: (frames: Uint8Array) => void
}

export class Connection {
  readonly number: number
  readonly client: Process
  readonly server: Process
  readonly toServer: Pipe
  readonly toClient: Pipe
  open = true
  #session: ReturnType<Door["enter"]>
  #ended = false
  #full = false
  #cutOnAnswer = false
  #duplicate = false
  readonly #door: Door
  readonly #events: TransportEvents
  readonly #network: Network

  constructor(
    network: Network,
    number: number,
    client: Process,
    listening: Listening,
    events: TransportEvents,
  ) {
    this.#network = network
    this.number = number
    this.client = client
    this.server = listening.process
    this.#door = listening.door
    this.#events = events
    const random = network.random.fork(`connection ${number}`)
    this.toServer = new Pipe(network.world, random, (bytes) => {
      if (this.server.alive) this.#session?.receive(bytes, this.#door.nowSeconds())
    })
    this.toClient = new Pipe(network.world, random, (bytes) => {
      if (this.client.alive) events.data(bytes)
      this.#drained()
    })
    this.#session = this.#door.enter(this.#transport())
  }

  /** The next answer that is about to arrive does not, and the connection is reset. */
  cutOnAnswer(): void {
    this.#cutOnAnswer = true
  }

  /** The next batch of records comes twice. */
  duplicate(): void {
    this.#duplicate = true
  }

  fromClient(bytes: Uint8Array): void {
    if (!this.open) return
    this.#network.trace.add(`net ${this.number}`, `> ${bytes.length} ${crc32(bytes)}`)
    this.toServer.write(bytes, () => {})
    if (!this.#duplicate || !isBatch(bytes)) return
    this.#duplicate = false
    this.#network.trace.add(`net ${this.number}`, "duplicated")
    this.toServer.write(bytes, () => {})
  }

  /** The client lets go: the server reads to the end, answers what it has, and closes. */
  closeByClient(): void {
    if (!this.open) return
    this.#network.world.after(this.#network.random.delay(meanDelayMs), () => {
      if (!this.open || this.toServer.lost) return
      if (this.server.alive) this.#session?.finish()
      // Nobody reads at the other end: what is written to it is answered with a reset.
      this.#network.world.after(20, () => this.reset("the connection closed"))
    })
    this.toClient.closed = true
    this.#tellClient(null)
  }

  /** Both ends are told, and what is on its way is gone. */
  reset(why: string): void {
    if (!this.open) return
    this.open = false
    this.#network.trace.add(`net ${this.number}`, `reset: ${why}`)
    this.toServer.closed = true
    this.toClient.closed = true
    this.#network.gone(this)
    this.#network.world.soon(() => {
      if (this.server.alive) this.#leave()
      this.#tellClient("the connection was reset")
    })
  }

  /** The server's process has ended: the system closes its sockets, or with the power nobody does. */
  serverEnded(power: boolean): void {
    if (!power) {
      this.reset("the server's process ended")
      return
    }
    this.toServer.lost = true
    this.toClient.lost = true
    // The machine is back: what the client sends now is answered with a reset.
    this.#network.world.after(this.#network.random.delay(2_000), () => this.reset("nobody knows it any more"))
  }

  #leave(): void {
    if (this.#ended) return
    this.#ended = true
    this.#door.left()
    this.#session?.close("the connection closed")
  }

  #tellClient(problem: string | null): void {
    this.#network.world.soon(() => {
      if (this.#toldClient) return
      this.#toldClient = true
      if (this.client.alive) this.#events.closed(problem)
    })
  }
  #toldClient = false

  #transport(): Transport {
    return {
      peer: `client ${this.number}`,
      address: this.client.name,
      certified: false,
      write: (bytes) => this.#fromServer(bytes),
      unreadBytes: () => Math.max(0, this.toClient.pending - socketBufferBytes),
      pause: () => this.toServer.pause(),
      resume: () => this.toServer.resume(),
      end: () => {
        // What was written still arrives.
        const whenRead = (): void => {
          if (!this.open) return
          if (this.toClient.idle || this.toClient.lost) this.reset("the server closed it")
          else this.#network.world.after(1, whenRead)
        }
        this.#network.world.after(1, whenRead)
      },
      destroy: () => this.#network.world.soon(() => this.reset("the server destroyed it")),
    }
  }

  #fromServer(bytes: Uint8Array): void {
    if (!this.open || !this.server.alive) return
    this.#network.trace.add(`net ${this.number}`, `< ${bytes.length} ${crc32(bytes)}`)
    this.#network.events.wrote(bytes)
    if (this.#cutOnAnswer && isBatch(bytes)) {
      this.#network.world.after(this.#network.random.delay(1), () => this.reset("with the answer"))
      return
    }
    this.toClient.write(bytes, () => {
      if (this.client.alive) this.#network.events.told(bytes)
    })
    if (this.toClient.pending > socketBufferBytes) this.#full = true
  }

  #drained(): void {
    if (!this.#full || this.toClient.pending > 0 || !this.server.alive) return
    this.#full = false
    this.#session?.drained()
  }
}

const frameTypeAt = 4
const batchType = 2

const isBatch = (bytes: Uint8Array): boolean => bytes[frameTypeAt] === batchType

export class Network {
  readonly world: Process
  readonly random: Random
  readonly trace: Trace
  readonly events: NetworkEvents
  readonly connections = new Set<Connection>()
  listening: Listening | undefined
  #number = 0

  constructor(world: Process, random: Random, trace: Trace, events: NetworkEvents) {
    this.world = world
    this.random = random
    this.trace = trace
    this.events = events
  }

  /** How one client's process reaches the server. */
  transportOf(client: Process): ClientTransport {
    return {
      protocol: "tcp:",
      open: (_, events) => this.#open(client, events),
    }
  }

  #open(client: Process, events: TransportEvents): TransportConnection {
    const { world } = this
    let connection: Connection | undefined
    let closed = false
    world.after(this.random.delay(meanDelayMs), () => {
      if (!client.alive || closed) return
      const { listening } = this
      if (listening === undefined || !listening.process.alive) {
        closed = true
        events.closed("connection refused")
        return
      }
      connection = new Connection(this, ++this.#number, client, listening, events)
      this.connections.add(connection)
      this.trace.add(`net ${connection.number}`, `open: ${client.name}`)
      events.opened()
    })
    return {
      write: (bytes) => connection?.fromClient(bytes),
      close: () => {
        if (connection !== undefined) connection.closeByClient()
        else if (!closed) world.soon(() => events.closed(null))
        closed = true
      },
    }
  }

  gone(connection: Connection): void {
    this.connections.delete(connection)
  }

  /** The server's process has ended. */
  serverEnded(power: boolean): void {
    this.listening = undefined
    for (const connection of [...this.connections]) connection.serverEnded(power)
  }

  clientEnded(client: Process): void {
    for (const connection of [...this.connections]) {
      if (connection.client === client) connection.reset("the client's process ended")
    }
  }
}
