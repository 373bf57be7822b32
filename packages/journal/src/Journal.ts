/** The journal: what was appended is there after any crash, in order, or the start is refused with the place. */
import { Context, Deferred, Effect, FiberSet, Layer, type Scope } from "effect"
import { anyContent, type ContentVersions } from "./content.ts"
import { type Block, segmentPath } from "./cursor.ts"
import { blockExtent, pageBytes, payloadBytesMax, segmentName } from "./format.ts"
import type { JournalError, PositionUnavailable, StorageFailed } from "./JournalError.ts"
import { KeyRing } from "./KeyRing.ts"
import { Machine } from "./Machine.ts"
import { pageAligned } from "./pageAligned.ts"
import type { ReadAhead } from "./ReadAhead.ts"
import { readBlocks } from "./reader.ts"
import { type Cut, encodeEndMark, journalDirectory, recover } from "./recover.ts"
import { Storage, type StorageFile, type StorageShape } from "./Storage.ts"
import type { Pull } from "./Walk.ts"
import { type BlockInput, type OpenSegment, Writer } from "./writer.ts"

export interface JournalOptions {
  /** Size of a segment file, a multiple of 4096. A block and its segment's header page must fit in it. */
  readonly segmentBytes?: number
  /** What opening authenticates: the last segment and all headers (the rest when it is read), or everything. */
  readonly verify?: "tail" | "all"
  /** Only look: a torn tail is reported and left, appending fails. */
  readonly readOnly?: boolean
  /** Versions of what the payloads hold. Opening refuses a segment with another. */
  readonly content?: ContentVersions
}

export const segmentBytesDefault = 64 << 20

export interface JournalStat {
  readonly first: number
  readonly last: number
  /** In use, over all segments. */
  readonly bytes: number
  /** Data keys that are still needed to read it. */
  readonly keyIds: ReadonlyArray<number>
  readonly segments: ReadonlyArray<{
    readonly name: string
    readonly first: number
    readonly last: number
    readonly bytes: number
    readonly keyId: number
    readonly format: number
    readonly content: number
  }>
  /** Where opening found a torn write at the end and cut it off. */
  readonly cut: Cut | undefined
}

export interface JournalShape {
  /** Last durable sequence; 0 when nothing was ever appended. */
  readonly last: number
  /** First sequence still present; `last + 1` when there is none. */
  readonly first: number
  /**
   * Durable when it returns. The block is sealed when the effect begins, so its parts may be used again from
   * then on. A second append may begin while the first is on its way, and is sealed meanwhile; a third is a
   * defect, and so are a gap in the sequences (`first` is the last `first + count`; an empty journal begins where
   * its first block says), an empty block and one that is too long. After an error every later append fails with it.
   * The Effect costs nothing that can be measured beside a callback (14 to 60 µs a block either way, by its size).
   */
  readonly append: (block: BlockInput) => Effect.Effect<void, JournalError>
  /**
   * The blocks that hold `from` to `to` (all that is durable now, without it), one at each run of the inner
   * effect. PositionUnavailable outside of `first` to `last + 1`. With `ahead` those that follow are read meanwhile.
   */
  readonly read: (
    from: number,
    to?: number,
    ahead?: ReadAhead,
  ) => Effect.Effect<Pull<Block>, PositionUnavailable>
  /** Removes the segments in which every sequence is below `before`; the newest stays. */
  readonly release: (before: number) => Effect.Effect<void, StorageFailed>
  readonly stat: Effect.Effect<JournalStat>
  /**
   * Fails when something beside the appends failed, such as making the next segment ready: every later append would fail
   * with it, and who only waits for traffic should not wait for that.
   */
  readonly failed: Effect.Effect<never, JournalError>
  /** Waits for what is on its way and marks the end. Done by the layer's scope too. */
  readonly close: Effect.Effect<void, JournalError>
}

export class Journal extends Context.Service<Journal, JournalShape>()("journal/Journal") {
  /** Errors of opening: StorageFailed, JournalDamaged, KeyMissing, VersionUnsupported, DirectoryRefused. */
  static layer(options: JournalOptions = {}): Layer.Layer<Journal, JournalError, Storage | KeyRing> {
    return Layer.effect(Journal, open(options))
  }
}

const open = Effect.fnUntraced(function* (
  options: JournalOptions,
): Effect.fn.Return<JournalShape, JournalError, Storage | KeyRing | Scope.Scope> {
  const storage = yield* Storage
  const keys = yield* KeyRing
  const readOnly = options.readOnly ?? false
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault
  if (segmentBytes < pageBytes + blockExtent(0) || segmentBytes % pageBytes !== 0) {
    return yield* Effect.die(
      new Error(`segmentBytes ${segmentBytes} isn't a multiple of ${pageBytes} from 8192 up`),
    )
  }
  if (!readOnly) yield* storage.makeDirectory(journalDirectory)
  const content = options.content ?? anyContent
  const recovered = yield* recover(storage, keys, { verify: options.verify ?? "tail", readOnly, content })

  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const failed = Deferred.makeUnsafe<never, JournalError>()
  const background = new Housekeeping(storage, segmentBytes, (effect) => {
    const poison = (error: StorageFailed) => {
      writer.poison(error)
      Deferred.doneUnsafe(failed, Effect.fail(error))
    }
    run(Effect.catch(effect, (error) => Effect.sync(() => poison(error))))
  })
  const { randomBytes } = yield* Machine
  const writer: Writer = new Writer(recovered, keys, segmentBytes, content.writes, {
    salt: randomBytes,
    prepare: (number) => background.prepare(number, writer),
    retire: (segment) => background.retire(segment),
  })
  if (!readOnly) background.prepare(writer.nextSegment, writer)

  let closing: Deferred.Deferred<void, JournalError> | undefined
  const close = Effect.suspend(() => {
    if (closing !== undefined) return Deferred.await(closing)
    closing = Deferred.makeUnsafe<void, JournalError>()
    return Deferred.into(closeWriter(storage, writer, background), closing).pipe(
      Effect.andThen(Deferred.await(closing)),
    )
  })
  yield* Effect.addFinalizer(() => Effect.ignore(close))

  return {
    get last() {
      return writer.last
    },
    get first() {
      return writer.segments[0]?.header.first ?? writer.last + 1
    },
    append: (block) =>
      Effect.callback((resume) => {
        if (readOnly) throw new Error("the journal was opened to be read only")
        writer.commit(block, (error) => resume(error ? Effect.fail(error) : Effect.void))
      }),
    read: (from, to, ahead) => readBlocks(storage, writer, from, to ?? writer.last, ahead),
    release: (before) => release(storage, writer, before),
    stat: Effect.sync(() => statOf(writer, recovered.cut)),
    failed: Deferred.await(failed),
    close: Effect.uninterruptible(close),
  }
})

/** Files that are made ready and put away beside the hot path; whatever fails there poisons the journal. */
class Housekeeping {
  readonly #storage: StorageShape
  readonly #segmentBytes: number
  readonly #run: (effect: Effect.Effect<void, StorageFailed>) => void
  #busy = 0
  #idle: Deferred.Deferred<void> | undefined

  constructor(
    storage: StorageShape,
    segmentBytes: number,
    run: (effect: Effect.Effect<void, StorageFailed>) => void,
  ) {
    this.#storage = storage
    this.#segmentBytes = segmentBytes
    this.#run = run
  }

  prepare(number: number, writer: Writer): void {
    this.#start(
      Effect.flatMap(prepareSegment(this.#storage, writer, number, this.#segmentBytes), (file) =>
        Effect.sync(() => writer.attach(number, file)),
      ),
    )
  }

  retire({ info, file }: OpenSegment): void {
    if (file === undefined) return
    this.#start(Effect.ensuring(Effect.andThen(file.truncate(info.end), file.sync), file.close))
  }

  /** Waits for all that was begun. */
  readonly idle: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#busy === 0) return Effect.void
    this.#idle ??= Deferred.makeUnsafe<void>()
    return Deferred.await(this.#idle)
  })

  #start(effect: Effect.Effect<void, StorageFailed>): void {
    this.#busy++
    const ended = Effect.sync(() => {
      this.#busy--
      if (this.#busy > 0 || this.#idle === undefined) return
      Deferred.doneUnsafe(this.#idle, Effect.void)
      this.#idle = undefined
    })
    this.#run(Effect.ensuring(effect, ended))
  }
}

/** Zeros go out in pieces, each synced and in its time, so that a commit never waits behind many of them. */
const zeroBytesMin = 256 << 10
const zeroBytesMax = 1 << 20
const zeros = pageAligned(zeroBytesMax)

const prepareSegment = Effect.fnUntraced(function* (
  storage: StorageShape,
  writer: Writer,
  number: number,
  bytes: number,
) {
  const file = yield* storage.open(segmentPath(segmentName(number)), { create: true, large: true })
  yield* fillWithZeros(file, writer, number, bytes).pipe(
    Effect.andThen(storage.syncDirectory(journalDirectory)),
    Effect.onError(() => file.close),
  )
  return file
})

const fillWithZeros = Effect.fnUntraced(function* (
  file: StorageFile,
  writer: Writer,
  number: number,
  bytes: number,
) {
  for (let at = 0; at < bytes; ) {
    const due = yield* Effect.callback<number>((resume) =>
      writer.whenDue(number, at, (due) => resume(Effect.succeed(due))),
    )
    if (due < at) return
    const piece = Math.min(Math.max(due - at, zeroBytesMin), zeroBytesMax, bytes - at)
    yield* file.write(at, zeros.subarray(0, piece))
    yield* file.sync
    at += piece
  }
})

const closeWriter = Effect.fnUntraced(function* (
  storage: StorageShape,
  writer: Writer,
  background: Housekeeping,
) {
  const { segment, tag, epoch } = yield* Effect.callback<{
    segment: OpenSegment | undefined
    tag: Uint8Array
    epoch: number
  }>((resume) => {
    writer.close((segment, tag, epoch) => resume(Effect.succeed({ segment, tag, epoch })))
  })
  yield* background.idle
  const prepared = writer.takePrepared()
  const file = segment?.file
  if (writer.failure === undefined && segment !== undefined && file !== undefined) {
    const { info } = segment
    const page = encodeEndMark(info, segment.nextBlock, info.last + 1, tag, epoch)
    yield* file
      .write(info.end, page)
      .pipe(Effect.andThen(file.truncate(info.end + page.length)), Effect.andThen(file.sync))
  }
  if (file !== undefined) yield* file.close
  if (prepared === undefined) return
  yield* prepared.close
  if (writer.failure !== undefined) return
  yield* storage.remove(prepared.path)
  yield* storage.syncDirectory(journalDirectory)
})

/** The directory is synced after each, oldest first, so that no crash leaves a gap. */
const release = Effect.fnUntraced(function* (storage: StorageShape, writer: Writer, before: number) {
  const { segments } = writer
  while (segments.length > 1 && segments[0]!.last < before) {
    const { name } = segments.shift()!
    yield* storage.remove(segmentPath(name))
    yield* storage.syncDirectory(journalDirectory)
  }
})

const statOf = (writer: Writer, cut: Cut | undefined): JournalStat => {
  const segments = writer.segments.map(({ name, header, last, end }) => ({
    name,
    first: header.first,
    last,
    bytes: end,
    keyId: header.keyId,
    format: header.format,
    content: header.content,
  }))
  return {
    first: segments[0]?.first ?? writer.last + 1,
    last: writer.last,
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    keyIds: [...new Set(segments.map(({ keyId }) => keyId))],
    segments,
    cut,
  }
}

export { payloadBytesMax }
