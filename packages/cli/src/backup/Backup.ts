// `millrace backup`: what a data directory has new into a backup, while a server is using it or not.
import { join, resolve } from "node:path"
import { type BackupReport, bytesOf, openDirectory, Storage, takeBackup } from "@millrace/journal"
import { DateTime, Effect } from "effect"
import { explained, fixedOf, openKeys, refuseNoDirectory, storageOf } from "../journal/Open.ts"
import { Progress } from "../journal/Progress.ts"
import { counted, grouped } from "../load/Report.ts"
import { complain, print } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { refuseLostJournal } from "../serve/Begun.ts"
import { masterKey as givenMasterKey } from "../serve/Store.ts"
import { missingOf, reachLines, reachOf, warnOfMissing, windowOf } from "./Reach.ts"

export interface BackupCommand {
  readonly data: string
  readonly to: string | undefined
  readonly withMasterKey: boolean
  readonly keepDays: number | undefined
  readonly json: boolean
}

const DAY_MS = 86_400_000

export const backup = Effect.fnUntraced(
  function* (command: BackupCommand) {
    const { data, to, withMasterKey, keepDays } = command
    if (to === undefined) return yield* stop("--to DIR: name the backup's directory", ExitCode.usage)
    if (keepDays !== undefined && !(keepDays >= 0)) {
      return yield* stop("--keep-days must be a number of days from 0 up", ExitCode.usage)
    }
    yield* refuseNoDirectory(data)
    yield* refuseLostJournal(data)
    const inside = `${resolve(to)}/`.startsWith(`${resolve(data)}/`)
    if (inside) return yield* stop(`${to} lies in the data directory: a backup belongs on another disk`)
    const now = DateTime.toEpochMillis(yield* DateTime.now)
    const source = yield* storageOf(data)
    const manifest = yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, source))
    const window = windowOf(fixedOf(manifest))
    const masterKey = yield* givenMasterKey
    const progress = new Progress()
    const take = Effect.gen(function* () {
      return yield* takeBackup(source, yield* storageOf(to), yield* openKeys(source), {
        window,
        masterKey,
        withMasterKey,
        keepFrom: keepDays === undefined ? undefined : now - keepDays * DAY_MS,
        progress: (bytes) => progress.count("copied and read back", bytes),
      })
    })
    const report = yield* take.pipe(
      // A data key that came while it ran: the ring that has it is there by now.
      Effect.retry({ times: 2, while: (error) => error._tag === "KeyMissing" }),
      Effect.ensuring(Effect.sync(() => progress.end())),
    )
    const missing = missingOf(report.catalogue, window)
    if (command.json) print(JSON.stringify({ ...jsonOf(report, window), missing }))
    else for (const line of lines(report, window)) print(line)
    warnOfMissing(missing)
    warnOfMasterKey(to, report.holdsMasterKey)
    if (report.damagedSnapshot !== undefined) {
      return yield* stop(
        `${report.damagedSnapshot.message}\nthe backup is whole without that snapshot, and the engine will need it at its next start`,
      )
    }
  },
  explained,
  Effect.scoped,
)

const jsonOf = (report: BackupReport, window: number) => ({
  taken: report.catalogue.taken,
  copiedBytes: report.copiedBytes,
  copiedSegments: report.copiedSegments,
  copiedSnapshots: report.copiedSnapshots,
  removedSegments: report.removedSegments,
  removedSnapshots: report.removedSnapshots,
  segments: report.catalogue.segments.length,
  snapshots: report.catalogue.snapshots.length,
  bytes: bytesOf(report.catalogue),
  restorable: reachOf(report.catalogue, window),
})

const lines = (report: BackupReport, window: number): ReadonlyArray<string> => {
  const { catalogue } = report
  const removed = report.removedSegments + report.removedSnapshots
  return [
    `copied     ${grouped(report.copiedBytes)} bytes: ${counted(report.copiedSegments, "segment")}, ${counted(report.copiedSnapshots, "snapshot")}; all of it authenticated`,
    ...(removed === 0
      ? []
      : [
          `let go     ${counted(report.removedSegments, "segment")}, ${counted(report.removedSnapshots, "snapshot")} that only served earlier moments`,
        ]),
    `holds      ${counted(catalogue.segments.length, "segment")}, ${counted(catalogue.snapshots.length, "snapshot")}, ${grouped(bytesOf(catalogue))} bytes`,
    ...reachLines(reachOf(catalogue, window)),
  ]
}

/** Loudly, every time: a backup without its key is worth nothing, and one with it protects nothing. */
const warnOfMasterKey = (to: string, holdsMasterKey: boolean): void => {
  if (holdsMasterKey) {
    complain(
      `WARNING: ${join(to, "master.key")} opens this backup. Who has the backup has everything in it: keep it as you keep that key.`,
    )
  } else {
    complain(
      "WARNING: the master key is NOT in the backup, and without it the backup can't be read. Keep a copy of it elsewhere.",
    )
  }
}
