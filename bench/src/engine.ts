/** Lane, ledger, journal and outbox in one process, without sockets: batches submitted, made durable, answered. */
import { defaultEngineOptions, Engine } from "@millrace/engine"
import { Journal, KeyRing, Snapshots, Storage } from "@millrace/journal"
import { Kind, RECORD_BYTES, RECORD_WORDS, RecordWord } from "@millrace/protocol"
import { Effect, Layer } from "effect"
import { CARD_FIRST, CURRENCY } from "./LedgerLoad.ts"
import { rawSyncMs } from "./Machine.ts"
import { withData } from "./Processes.ts"
import { type Benchmark, Samplers, spreadOf } from "./Report.ts"

const SEATS = 8
const BATCH = 512
const BATCHES_IN_FLIGHT = 4
const CARDS_PER_COMMAND = 8_192
const COMMIT_BYTES = 256 * 1_024

/** One sender without a socket: the next batch is offered when one is answered. */
class Sender {
  answered = 0
  declined = 0
  readonly #engine: Engine["Service"]
  readonly #cards: number
  readonly #terminal: number
  readonly #words = new Uint32Array(BATCH * RECORD_WORDS)
  readonly #view = new DataView(this.#words.buffer)
  readonly #seat: number
  #reference = 0
  #state: number
  /** Records of the batch that were not taken yet. */
  #rest = 0
  #running = false

  constructor(engine: Engine["Service"], cards: number, terminal: number) {
    this.#engine = engine
    this.#cards = cards
    this.#terminal = terminal
    this.#state = terminal * 7_919
    this.#seat = engine.lane.takeSeat({
      begin: () => {},
      outcomes: (bytes, at, count) => {
        this.answered += count
        for (let i = 0; i < count; i++) if (bytes[at + i * 32 + 28] !== 0) this.declined++
      },
      end: () => this.#send(),
      room: () => this.#send(),
    })
  }

  start(): void {
    this.#running = true
    this.#send()
  }

  stop(): void {
    this.#running = false
  }

  #send(): void {
    const { lane } = this.#engine
    while (this.#rest > 0 || (this.#running && this.#room)) {
      if (this.#rest === 0) this.#fill()
      const from = BATCH - this.#rest
      const taken = lane.submit(this.#seat, this.#view, from * RECORD_BYTES, this.#rest)
      this.#rest -= taken
      if (this.#rest > 0) return
    }
  }

  get #room(): boolean {
    return this.#engine.lane.seats.inFlight(this.#seat) <= (BATCHES_IN_FLIGHT - 1) * BATCH
  }

  #fill(): void {
    const words = this.#words
    for (let at = 0; at < words.length; at += RECORD_WORDS) {
      this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
      const card = Number(CARD_FIRST) + Math.floor((this.#state / 2 ** 32) * this.#cards)
      // 80 purchases, 15 recharges and 5 balances of a hundred, as the load's default.
      const draw = this.#reference % 20
      const kind = draw < 16 ? Kind.purchase : draw < 19 ? Kind.recharge : Kind.balance
      words[at + RecordWord.referenceLo] = ++this.#reference
      words[at + RecordWord.referenceHi] = 1_000
      words[at + RecordWord.cardLo] = card % 2 ** 32
      words[at + RecordWord.cardHi] = Math.floor(card / 2 ** 32)
      words[at + RecordWord.amountLo] = kind === Kind.balance ? 0 : kind === Kind.purchase ? 300 : 1_600
      words[at + RecordWord.terminal] = this.#terminal
      words[at + RecordWord.kindFlagsCurrency] = kind | (CURRENCY << 16)
    }
    this.#rest = BATCH
  }
}

const provision = Effect.fnUntraced(function* (engine: Engine["Service"], cards: number) {
  const by = "bench"
  const currency = CURRENCY
  const merchant = { type: "merchant", by, number: 1, name: "Bench", currency, feeBasisPoints: 50 } as const
  yield* engine.control({ ...merchant, floatLimit: 2 ** 52 })
  yield* engine.control({ type: "terminals", by, first: 1, count: SEATS, merchant: 1 })
  for (let from = 0; from < cards; from += CARDS_PER_COMMAND) {
    const count = Math.min(CARDS_PER_COMMAND, cards - from)
    const first = CARD_FIRST + BigInt(from)
    yield* engine.control({ type: "cards", by, first, count, currency, openingBalance: 1_000_000 })
  }
})

interface Round {
  readonly perSecond: number
  readonly cpuNs: number
  /** Bytes of heap that a transaction left behind: the sum of the heap's rises, looked at every millisecond or so. */
  readonly garbageBytes: number
}

const round = Effect.fnUntraced(function* (senders: ReadonlyArray<Sender>, seconds: number) {
  const before = senders.reduce((sum, sender) => sum + sender.answered, 0)
  let heap = process.memoryUsage().heapUsed
  let rises = 0
  const watch = setInterval(() => {
    const now = process.memoryUsage().heapUsed
    rises += Math.max(0, now - heap)
    heap = now
  }, 1)
  const cpu = process.cpuUsage()
  const began = performance.now()
  for (const sender of senders) sender.start()
  yield* Effect.sleep(`${seconds * 1_000} millis`)
  const count = senders.reduce((sum, sender) => sum + sender.answered, 0) - before
  const took = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(watch)
  for (const sender of senders) sender.stop()
  return {
    perSecond: (count * 1_000) / took,
    cpuNs: ((user + system) * 1_000) / count,
    garbageBytes: rises / count,
  } satisfies Round
})

/** What the disk alone would allow: as many records as lie in blocks of 256 KiB, each written and synced. */
const diskPerSecond = (): number =>
  (1_000 / spreadOf(rawSyncMs(COMMIT_BYTES, 100)).median) * (COMMIT_BYTES / RECORD_BYTES)

const measure = (data: string, cards: number, rounds: number, seconds: number, samplers: Samplers) =>
  Effect.gen(function* () {
    const engine = yield* Engine
    yield* provision(engine, cards)
    const senders = Array.from({ length: SEATS }, (_, index) => new Sender(engine, cards, index + 1))
    yield* round(senders, seconds)
    for (let n = 0; n < rounds; n++) {
      yield* engine.drained
      samplers.limit(
        "engine",
        "the disk alone: blocks of 256 KiB, each a write and fdatasync",
        diskPerSecond(),
      )
      const { perSecond, cpuNs, garbageBytes } = yield* round(senders, seconds)
      const name = `${cards.toLocaleString("en-US")} cards`
      samplers.add(
        { id: "engine", group: "transactions a second", name, unit: "tx/s", better: "higher" },
        perSecond,
      )
      samplers.add(
        { id: "cpu", group: "processor time, all threads", name, unit: "ns/tx", better: "lower" },
        cpuNs,
      )
      samplers.add(
        { id: "garbage", group: "garbage on the heap", name, unit: "B/tx", better: "lower" },
        garbageBytes,
      )
    }
    yield* engine.drained
    const declined = senders.reduce((sum, sender) => sum + sender.declined, 0)
    const answered = senders.reduce((sum, sender) => sum + sender.answered, 0)
    if (declined > answered / 1_000) throw new Error(`${declined} of ${answered} were declined`)
  }).pipe(
    Effect.provide(
      Engine.layer(defaultEngineOptions).pipe(
        Layer.provide(Layer.mergeAll(Journal.layer(), Snapshots.layer())),
        Layer.provide(KeyRing.layer()),
        Layer.provide(Storage.file(data)),
      ),
    ),
    Effect.scoped,
  )

export const benchmark: Benchmark = {
  title: "Engine in one process",
  measures: `${SEATS} senders without sockets, ${BATCHES_IN_FLIGHT} × ${BATCH} in flight each; durable before the answer`,
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const cards = quick ? 10_000 : 1_000_000
    await withData((data) => Effect.runPromise(measure(data, cards, rounds, quick ? 1 : 5, samplers)))
    return { figures: samplers.figures }
  },
}
