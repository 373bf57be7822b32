// `millrace restore`: a data directory out of a backup, to its end, to a sequence or to a moment, verified before it may start.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { engineProblem } from "@millrace/engine"
import {
  finishRestore,
  openDirectory,
  planRestore,
  type RestorePlan,
  readCatalogue,
  restoreFiles,
  Storage,
  type Until,
} from "@millrace/journal"
import { Effect } from "effect"
import { mailboxRecordsMin } from "../config/Settings.ts"
import { parseBound } from "../journal/Bound.ts"
import { explained, fixedOf, openKeys, openRooms, refuseNoBackup, storageOf } from "../journal/Open.ts"
import { Progress } from "../journal/Progress.ts"
import { type Sound, verifyWhole } from "../journal/Sound.ts"
import { soundLines } from "../journal/Verify.ts"
import { grouped } from "../load/Report.ts"
import { complain, print } from "../Output.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { markBegun } from "../serve/Begun.ts"
import { type Fixed, MASTER_KEY_FILE_VARIABLE, MASTER_KEY_VARIABLE } from "../serve/Store.ts"
import { lockPlace, refuseUsed } from "./Place.ts"
import { windowOf } from "./Reach.ts"

export interface RestoreCommand {
  readonly from: string
  readonly to: string
  readonly at: string | undefined
  readonly json: boolean
}

export const restore = Effect.fnUntraced(
  function* (command: RestoreCommand) {
    const { from, to } = command
    const until = yield* untilOf(command.at)
    yield* refuseNoBackup(from)
    yield* refuseUsed(to)
    const backup = yield* storageOf(from)
    const catalogue = yield* readCatalogue(backup)
    const manifest = yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, backup))
    const fixed = fixedOf(manifest)
    const keys = yield* openKeys(backup)
    const plan = yield* planRestore(backup, keys, catalogue, windowOf(fixed), until)
    const progress = new Progress()
    const write = Effect.gen(function* () {
      const place = yield* lockPlace(to)
      yield* restoreFiles(backup, place.storage, keys, plan, {
        withMasterKey: isOwnMasterKey(from),
        progress: (done) => progress.bytes("restored", done, plan.bytes),
      }).pipe(Effect.ensuring(Effect.sync(() => progress.end())))
      const sound = yield* verifyRestored(place.path, plan, fixed, progress)
      yield* markBegun(place.path)
      yield* finishRestore(backup, place.storage)
      yield* place.finish
      return sound
    })
    const sound = yield* explained(Effect.scoped(write)).pipe(
      Effect.mapError((error) => stop(`${error.message}\nnothing was restored, and ${to} is as it was`)),
    )
    if (command.json) print(JSON.stringify({ ...jsonOf(plan), ...sound }))
    else for (const line of [...lines(plan, sound), readyLine(to, fixed)]) print(line)
    if (!isOwnMasterKey(from)) {
      complain(`${to} has no master.key: give the engine the master key that this command was given`)
    }
  },
  explained,
  Effect.scoped,
)

const verifyRestored = Effect.fnUntraced(function* (
  to: string,
  plan: RestorePlan,
  fixed: Fixed,
  progress: Progress,
) {
  const storage = yield* storageOf(to)
  const keys = yield* openKeys(storage)
  const rooms = yield* openRooms(storage, keys, "all")
  const sound = yield* verifyWhole({ ...rooms, fixed }, progress).pipe(
    Effect.mapError((error) => (plan.part === undefined ? error : insideOfADecision(plan.last, error))),
  )
  if (sound.last === plan.last) return sound
  return yield* stop(
    `it reaches to ${sound.last} and not to ${plan.last}: this is a defect, please report it`,
  )
}, Effect.scoped)

/** A decision may have up to three slots and a command many: half of one is nothing that a ledger ever was. */
const insideOfADecision = (last: number, error: Stop): Stop =>
  stop(`--at ${last} may lie inside of a decision: give the sequence before or after it. ${error.message}`)

/** The key in the backup goes along when it is the one that is used: one from outside stays outside. */
const isOwnMasterKey = (from: string): boolean => {
  const isGiven = [MASTER_KEY_VARIABLE, MASTER_KEY_FILE_VARIABLE].some(
    (name) => (process.env[name] ?? "") !== "",
  )
  // A backup that was cut between the ring and its key has the key under the second name.
  const names = ["master.key", "master.key.new"]
  return !isGiven && names.some((name) => existsSync(join(from, name)))
}

const untilOf = (at: string | undefined): Effect.Effect<Until | undefined, Stop> => {
  if (at === undefined) return Effect.undefined
  const bound = parseBound(at)
  const isUsable = bound !== undefined && (!("sequence" in bound) || bound.sequence > 0)
  return isUsable
    ? Effect.succeed(bound)
    : stop(`--at: "${at}" is neither a sequence nor a time such as 2026-01-31T12:00:00Z`, ExitCode.usage)
}

const jsonOf = (plan: RestorePlan) => ({
  restoredTo: plan.last,
  time: new Date(plan.time).toISOString(),
  restoredBytes: plan.bytes,
})

const lines = (plan: RestorePlan, sound: Sound): ReadonlyArray<string> => [
  `restored   ${grouped(plan.bytes)} bytes: sequences ${grouped(plan.first)} to ${grouped(plan.last)}, of ${new Date(plan.time).toISOString()}`,
  ...soundLines(sound),
]

const readyLine = (to: string, fixed: Fixed): string =>
  engineProblem({ ...fixed, mailboxRecordsMax: mailboxRecordsMin }) === undefined
    ? `ready      \`millrace serve --data ${to}\` starts on it`
    : `to read    its memory is too small for any engine: \`millrace journal dump ${to}\` tells what is in it`
