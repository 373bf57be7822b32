// Where a restore works: in a directory of its own within the target, which is locked, and of which nothing else is touched.
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { JournalError, StorageShape } from "@millrace/journal"
import { Effect, Exit } from "effect"
import { storageOf } from "../journal/Open.ts"
import { type Stop, stop } from "../Stop.ts"

export interface Place {
  readonly path: string
  readonly storage: StorageShape
  /** What is in it becomes the target's, the manifest last: from then on an engine starts on it. */
  readonly finish: Effect.Effect<void, Stop | JournalError>
}

const lockName = "lock"
const manifestFile = "manifest.json"
const staging = `.restoring-${process.pid}`

/**
 * Locks the target until the scope closes, so that no engine and no other restore takes it. A scope that fails removes what
 * was made through it and nothing else.
 */
export const lockPlace = Effect.fnUntraced(function* (to: string) {
  // Before the lock, so that it is undone after the lock is gone.
  yield* Effect.acquireRelease(makeTarget(to), (isMade, exit) =>
    Effect.sync(() => {
      if (isMade && Exit.isFailure(exit)) removeEmpty(to)
    }),
  )
  const root = yield* storageOf(to)
  yield* root.lock(lockName)
  yield* refuseUsed(to)
  const path = join(to, staging)
  const moved: Array<string> = []
  yield* Effect.acquireRelease(
    Effect.sync(() => mkdirSync(path, { mode: 0o700 })),
    (_, exit) =>
      Effect.sync(() => {
        const names = Exit.isFailure(exit) ? [...moved, staging] : [staging]
        for (const name of names) rmSync(join(to, name), { recursive: true, force: true })
      }),
  )
  const storage = yield* storageOf(path)
  const finish = Effect.gen(function* () {
    yield* storage.syncDirectory("")
    yield* refuseUsed(to, staging)
    const names = readdirSync(path).filter((name) => name !== manifestFile)
    for (const name of [...names, manifestFile]) {
      if (name === manifestFile) yield* root.syncDirectory("")
      yield* root.rename(`${staging}/${name}`, name)
      moved.push(name)
    }
    yield* root.syncDirectory("")
  }).pipe(Effect.uninterruptible)
  const place: Place = { path, storage, finish }
  return place
})

/** Whether it was made by this call: of two that make it one does. */
const makeTarget = (to: string): Effect.Effect<boolean, Stop> =>
  Effect.try({
    try: () => {
      mkdirSync(dirname(resolve(to)), { recursive: true, mode: 0o700 })
      try {
        mkdirSync(to, { mode: 0o700 })
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
        return false
      }
    },
    catch: (error) => stop(`cannot make ${to}: ${error instanceof Error ? error.message : String(error)}`),
  })

/** What somebody put there meanwhile stays, and the directory with it. */
const removeEmpty = (to: string): void => {
  try {
    rmdirSync(to)
  } catch {
    // Not empty.
  }
}

/** lost+found is what an empty disk has. Who has the lock is asked by taking it. */
const isNobodys = (name: string): boolean =>
  name === "lost+found" || name === lockName || name.startsWith(`${lockName}.`)

/**
 * Looked at before anything is read, again under the lock, and before anything is given its name.
 * @param own a name that may be there
 */
export const refuseUsed = (to: string, own?: string): Effect.Effect<void, Stop> =>
  Effect.suspend(() => {
    let names: ReadonlyArray<string>
    try {
      const found = lstatSync(to, { throwIfNoEntry: false })
      if (found === undefined) return Effect.void
      if (!found.isDirectory()) return stop(`${to} is a file: give a directory that is empty or not there`)
      names = readdirSync(to).filter((name) => name !== own && !isNobodys(name))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === "ENOTDIR" ? "a part of its path is a file" : `it can't be read (${code})`
      return stop(`nothing can be restored to ${to}: ${why}. Give a directory that is empty or not there`)
    }
    if (names.length === 0) return Effect.void
    const shown = names.slice(0, 3).join(", ")
    return stop(
      `${to} is not empty (${shown}): nothing is ever restored over something. Give another directory, or move it away`,
    )
  })
