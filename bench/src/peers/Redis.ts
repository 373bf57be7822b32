// Redis or Valkey: the debit as a function in Lua, an append-only file that is synced before every answer.
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { CARD_FIRST, CARDS, type Debit, OPENING_BALANCE } from "./Debit.ts"
import { programOf } from "./Installed.ts"
import { type DebitChannel, FormGroup, type Peer, type RunningPeer } from "./Peer.ts"
import { ended, freePort, owned } from "./processes.ts"
import { type ReadAnswer, Wire } from "./Wire.ts"

const settings: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "auto-aof-rewrite-percentage": "0",
  save: "",
  maxmemory: "0",
}

/** What is left on the card, or below zero why not. A reference keeps what it was used for, beside its first answer. */
const library = `#!lua name=millrace
redis.register_function('debit', function(keys, args)
  local content = keys[1] .. ':' .. args[1]
  local known = redis.call('GET', keys[2])
  if known then
    local same, first = string.match(known, '^(.-)=(.*)$')
    if same == content then return tonumber(first) end
    return -94
  end
  local balance = redis.call('GET', keys[1])
  local answer
  if not balance then answer = -14
  elseif tonumber(balance) < tonumber(args[1]) then answer = -51
  else answer = redis.call('DECRBY', keys[1], args[1]) end
  redis.call('SET', keys[2], content .. '=' .. string.format('%.0f', answer))
  return answer
end)`

/** An error as it came, or a number. */
type Reply = number | Error
const LINE_END = 0x0d

class RedisChannel implements DebitChannel {
  #wire!: Wire
  readonly #pending: Array<(reply: Reply) => void> = []

  static async open(port: number): Promise<RedisChannel> {
    const channel = new RedisChannel()
    const read: ReadAnswer = (bytes, at) => channel.#read(bytes, at)
    channel.#wire = await Wire.open(port, read, (error) => {
      throw error
    })
    return channel
  }

  /** One command of several words, answered by a number, a word or an error. */
  command(...words: ReadonlyArray<string>): Promise<Reply> {
    return new Promise((resolve) => {
      this.#pending.push(resolve)
      const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
      this.#wire.write(`*${words.length}\r\n${parts.join("")}`)
    })
  }

  send(debits: ReadonlyArray<Debit>, done: (answers: ReadonlyArray<number>) => void): void {
    if (debits.length !== 1) throw new RangeError("one debit a call")
    const [{ terminal, referenceHi, referenceLo, card, amount }] = debits
    const key = `${terminal}:${referenceHi}:${referenceLo}`
    const text = String(amount)
    this.#pending.push((reply) => {
      if (reply instanceof Error) throw reply
      done([reply])
    })
    // Card numbers have sixteen digits.
    this.#wire.write(
      `*6\r\n$5\r\nFCALL\r\n$5\r\ndebit\r\n$1\r\n2\r\n$16\r\n${card}\r\n$${key.length}\r\n${key}\r\n$${text.length}\r\n${text}\r\n`,
    )
  }

  close(): void {
    this.#wire.close()
  }

  #read(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LINE_END, at)
    if (end < 0 || end + 2 > bytes.length) return -1
    const type = bytes[at]
    let next = end + 2
    let reply: Reply
    if (type === 0x2d) {
      reply = new Error(bytes.toString("utf8", at + 1, end))
    } else if (type === 0x24) {
      // Bulk: a length, then as many bytes and a line end.
      const length = Number(bytes.toString("latin1", at + 1, end))
      next += length + 2
      if (next > bytes.length) return -1
      reply = Number(bytes.toString("latin1", end + 2, end + 2 + length))
    } else {
      reply = Number(bytes.toString("latin1", at + 1, end))
    }
    this.#pending.shift()?.(reply)
    return next
  }
}

const found = (): string | undefined => programOf("REDIS_SERVER", "valkey-server", "redis-server")

const started = async (program: string, data: string, port: number): Promise<ChildProcess> => {
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const child = spawn(program, ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const server = owned(child)
  await new Promise<void>((resolve, reject) => {
    server.once("exit", () => reject(new Error(`${program} ended before it was ready`)))
    let said = ""
    server.stdout.on("data", (chunk) => {
      said = (said + chunk).slice(-4_000)
      if (/[Rr]eady to accept connections/.test(said)) resolve()
    })
  })
  return server
}

const LOADED_AT_ONCE = 10_000

const start = async (directory: string): Promise<RunningPeer> => {
  const program = found()
  if (program === undefined) throw new Error("no redis-server")
  const data = join(directory, "redis")
  mkdirSync(data)
  const port = await freePort()
  const server = await started(program, data, port)
  const admin = await RedisChannel.open(port)
  const loaded = await admin.command("FUNCTION", "LOAD", library)
  if (loaded instanceof Error) throw loaded
  for (let from = 0; from < CARDS; from += LOADED_AT_ONCE) {
    const sets = Array.from({ length: LOADED_AT_ONCE }, (_, n) =>
      admin.command("SET", String(CARD_FIRST + from + n), String(OPENING_BALANCE)),
    )
    await Promise.all(sets)
  }
  return {
    version: execFileSync(program, ["--version"], { encoding: "utf8" })
      .replace(/ sha=.*/s, "")
      .trim(),
    settings: Object.entries(settings).map(([name, value]) => `${name} ${value === "" ? '""' : value}`),
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    open: () => RedisChannel.open(port),
    books: async () => {
      const keys = Number(await admin.command("DBSIZE"))
      let left = 0
      let cards = 0
      for (let from = 0; from < CARDS; from += LOADED_AT_ONCE) {
        const gets = Array.from({ length: LOADED_AT_ONCE }, (_, n) =>
          admin.command("GET", String(CARD_FIRST + from + n)),
        )
        for (const balance of await Promise.all(gets)) {
          left += Number(balance)
          cards++
        }
      }
      return { transactions: keys - cards, debited: CARDS * OPENING_BALANCE - left }
    },
    stop: async () => {
      admin.close()
      await ended(server, "SIGTERM")
    },
  }
}

export const redis: Peer = {
  name: "Redis",
  forms: [
    {
      id: "redis-64",
      group: FormGroup.singles,
      name: "64 clients",
      connections: 64,
      inFlight: 1,
      batch: 1,
    },
    {
      id: "redis-64-32",
      group: FormGroup.pipelines,
      name: "64 clients, pipeline of 32",
      connections: 64,
      inFlight: 32,
      batch: 1,
    },
    {
      id: "redis-64-256",
      group: FormGroup.pipelines,
      name: "64 clients, pipeline of 256",
      connections: 64,
      inFlight: 256,
      batch: 1,
    },
  ],
  missing: () =>
    found() === undefined
      ? "apt install redis-server (or valkey-server), or name its file in REDIS_SERVER"
      : undefined,
  start,
}
