// `millrace backup verify`: every file against its sum; with the master key every block authenticated and every decision made again.
import {
  bytesOf,
  type Catalogue,
  type Chapter,
  chaptersOf,
  checkFiles,
  type KeyRingShape,
  openDirectory,
  readCatalogue,
  Storage,
  type StorageShape,
  selected,
  selectionOf,
  withSnapshotTimes,
} from "@millrace/journal"
import { Effect } from "effect"
import { explained, fixedOf, openKeys, openRooms, refuseNoBackup, storageOf } from "../journal/Open.ts"
import { Progress } from "../journal/Progress.ts"
import { type Sound, verifyWhole } from "../journal/Sound.ts"
import { soundLines } from "../journal/Verify.ts"
import { counted, grouped } from "../load/Report.ts"
import { complain, print } from "../Output.ts"
import type { Fixed } from "../serve/Store.ts"
import { missingOf, reachLines, reachOf, warnOfMissing, windowOf } from "./Reach.ts"

export interface VerifyBackupCommand {
  readonly dir: string
  readonly json: boolean
}

export const verifyBackup = Effect.fnUntraced(
  function* (command: VerifyBackupCommand) {
    yield* refuseNoBackup(command.dir)
    const storage = yield* storageOf(command.dir)
    const catalogue = yield* readCatalogue(storage)
    const manifest = yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, storage))
    const fixed = fixedOf(manifest)
    const keys = yield* openKeys(storage).pipe(Effect.catchTag("KeyMissing", () => Effect.undefined))
    const progress = new Progress()
    const total = bytesOf(catalogue)
    yield* checkFiles(storage, catalogue, keys, (done) => progress.bytes("read", done, total)).pipe(
      Effect.ensuring(Effect.sync(() => progress.end())),
    )
    const timed = keys === undefined ? catalogue : yield* withSnapshotTimes(storage, keys, catalogue)
    const reach = reachOf(timed, windowOf(fixed))
    const missing = missingOf(timed, windowOf(fixed))
    const sounds = keys === undefined ? [] : yield* verifyChapters(storage, keys, catalogue, fixed, progress)
    warnOfMissing(missing)
    if (command.json) {
      print(
        JSON.stringify({
          taken: catalogue.taken,
          bytes: total,
          restorable: reach,
          missing,
          replayed: sounds,
          sound: true,
        }),
      )
      return
    }
    print(
      `files      ${counted(catalogue.segments.length, "segment")}, ${counted(catalogue.snapshots.length, "snapshot")}, ${grouped(total)} bytes: as they were when they were copied`,
    )
    for (const sound of sounds) for (const line of soundLines(sound)) print(line)
    for (const line of reachLines(reach)) print(line)
    if (keys === undefined) {
      complain(
        "the master key was not given: sums were checked and nothing was decrypted. " +
          "With MILLRACE_MASTER_KEY or MILLRACE_MASTER_KEY_FILE every decision is made again",
      )
    }
  },
  explained,
  Effect.scoped,
)

const verifyChapters = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  catalogue: Catalogue,
  fixed: Fixed,
  progress: Progress,
) {
  const sounds: Array<Sound> = []
  for (const chapter of chaptersOf(catalogue, windowOf(fixed))) {
    if (chapter.earliest !== undefined)
      sounds.push(yield* verifyChapter(storage, keys, chapter, fixed, progress))
  }
  return sounds
})

const verifyChapter = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  chapter: Chapter,
  fixed: Fixed,
  progress: Progress,
) {
  const rooms = yield* openRooms(selected(storage, selectionOf(chapter)), keys, "all")
  return yield* verifyWhole({ ...rooms, fixed }, progress)
}, Effect.scoped)
