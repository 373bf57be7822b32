/** The directories that are changed: closed and killed ones, of two histories under the same keys, and one of other keys. */
import { Clock, Effect } from "effect"
import {
  type Journal,
  type JournalError,
  KeyRing,
  Machine,
  MemoryDisk,
  openDirectory,
  Snapshots,
  Storage,
} from "../../src/index.ts"
import { appendBlocks, payloadOf, roomOf } from "../scene.ts"
import { Random } from "./Random.ts"

/** Blocks of one and of two pages; a segment holds a few of them. */
const segmentBytes = 40 << 10
const sizes = [100, 5000, 1500] as const

/** What a directory may give back: payloads by sequence, pieces by snapshot and part. */
export interface History {
  readonly name: string
  readonly blocks: ReadonlyMap<number, Uint8Array>
  readonly snapshots: ReadonlyMap<string, ReadonlyArray<Uint8Array>>
}

export interface Base {
  readonly name: string
  readonly disk: MemoryDisk
}

class Teller implements History {
  readonly name: string
  readonly blocks = new Map<number, Uint8Array>()
  readonly snapshots = new Map<string, ReadonlyArray<Uint8Array>>()

  constructor(name: string, before?: Teller) {
    this.name = name
    for (const [key, value] of before?.blocks ?? []) this.blocks.set(key, value)
    for (const [key, value] of before?.snapshots ?? []) this.snapshots.set(key, value)
  }

  /** Appends sequences `from` to `to`; `twist` makes this history's payloads its own. */
  append(from: number, to: number, twist: number) {
    return Effect.gen({ self: this }, function* () {
      for (let n = from; n <= to; n++) {
        const bytes = sizes[(n + twist) % sizes.length] ?? 100
        yield* appendBlocks(n, n, bytes)
        this.blocks.set(n, payloadOf(n, bytes))
      }
    })
  }

  snapshot(position: number, twist: number) {
    return Effect.gen({ self: this }, function* () {
      const snapshots = yield* Snapshots
      const parts = ["scheme", "shard-0"].map((name, part) => {
        const pieces = [1, 2].map((n) => Buffer.alloc(300 * n + part, position + twist + n))
        this.snapshots.set(`${position} ${name}`, pieces)
        const left = [...pieces]
        return { name, next: () => left.shift() ?? null }
      })
      yield* snapshots.write(position, parts)
    })
  }
}

/** The manifest of a new directory says when it was made. */
const standing = (clock: Clock.Clock): Clock.Clock =>
  // All else is the real clock's.
  Object.assign(Object.create(clock) as Clock.Clock, { currentTimeMillis: Effect.succeed(1_770_000_000_000) })

/** Keys and salts are drawn, too, and the clock stands: a seed gives the same bytes in every run. */
const run = <A, E>(random: Random, effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    Effect.flatMap(Clock.Clock, (clock) =>
      effect.pipe(
        Effect.provideService(Machine, {
          randomBytes: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
          nextRound: (then) => void setImmediate(then),
        }),
        Effect.provideService(Clock.Clock, standing(clock)),
      ),
    ),
  )

type Work<A> = Effect.Effect<A, JournalError, Journal | Snapshots | KeyRing>
const onDisk = <A>(random: Random, disk: MemoryDisk, work: Work<A>): Promise<A> =>
  run(random, Effect.provide(work, roomOf(Storage.disk(disk), { segmentBytes })))

const fresh = async (random: Random): Promise<MemoryDisk> => {
  const disk = new MemoryDisk({ crashable: true })
  await run(random, Effect.provide(Effect.scoped(openDirectory()), Storage.disk(disk)))
  return disk
}

/** Without the second copy that a crash needs: what is changed is only opened. */
const settled = (disk: MemoryDisk): MemoryDisk => {
  const plain = new MemoryDisk()
  for (const [path, bytes] of disk.files()) plain.put(path, bytes)
  return plain
}

const rotate = Effect.flatMap(KeyRing, (ring) => ring.rotate)

/** Two runs, a snapshot in each, a data key changed in between. */
const begin = async (random: Random, disk: MemoryDisk, told: Teller, twist: number) => {
  await onDisk(random, disk, told.append(1, 9, twist))
  const second = told
    .snapshot(9, twist)
    .pipe(Effect.andThen(rotate), Effect.andThen(told.append(10, 15, twist)))
  await onDisk(random, disk, second)
}

const goOn = (told: Teller, twist: number) =>
  told
    .append(16, 22, twist)
    .pipe(Effect.andThen(told.snapshot(20, twist)), Effect.andThen(told.append(23, 27, twist)))

export interface Bases {
  readonly bases: ReadonlyArray<Base>
  /** What one of them may hold, the other may too: somebody who has the keys' directory may put back another history. */
  readonly histories: ReadonlyArray<History>
}

export const makeBases = async (): Promise<Bases> => {
  const random = new Random(1)
  const first = new Teller("first")
  const disk = await fresh(random)
  await begin(random, disk, first, 0)
  const second = new Teller("second", first)
  const fork = disk.copy()
  await onDisk(random, disk, goOn(first, 0))
  const crash = Effect.sync(() => fork.crash())
  const killed = await onDisk(random, fork, Effect.andThen(goOn(second, 1), crash))
  const foreign = await fresh(random)
  const third = new Teller("third")
  await begin(random, foreign, third, 2)
  return {
    bases: [
      { name: "closed", disk: settled(disk) },
      { name: "killed", disk: settled(killed) },
      { name: "foreign", disk: settled(foreign) },
    ],
    histories: [first, second, third],
  }
}
