/** One process at a time: a lock file that names its holder, and that a dead holder can't keep. */

import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { Effect, Option, Schema } from "effect"
import { DirectoryRefused, StorageFailed } from "../JournalError.ts"

/** `started` and `boot` tell a process from another that got the same number later; "" where there is no /proc. */
const Holder = Schema.Struct({
  pid: Schema.Int,
  started: Schema.String,
  boot: Schema.String,
  /** CRC-32 of the others in hex. A bit of `started` that rots must not make a living process a dead one. */
  check: Schema.optionalKey(Schema.String),
})
type Holder = typeof Holder.Type

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Holder))

const checkOf = ({ pid, started, boot }: Holder): string =>
  crc32(JSON.stringify([pid, started, boot]))
    .toString(16)
    .padStart(8, "0")

/** Undefined for a text that no program wrote so. Locks of earlier programs have no check. */
const decodeHolder = (text: string): Holder | undefined => {
  const holder = Option.getOrUndefined(decodeJson(text))
  return holder?.check === undefined || holder.check === checkOf(holder) ? holder : undefined
}

/** A name that was durable before its contents were: the power went. */
const isBlank = (text: string): boolean => /^\0*$/.test(text)

const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Fields 3 (state) and 22 (start time, clock ticks since boot) of proc(5) stat, after the parenthesised name. */
const processStat = (pid: number): { readonly state: string; readonly started: string } => {
  const stat = readText(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { state: fields[0] ?? "", started: fields[19] ?? "" }
}

const bootId = () => readText("/proc/sys/kernel/random/boot_id").trim()

const self = (): string => {
  const holder = { pid: process.pid, started: processStat(process.pid).started, boot: bootId() }
  return JSON.stringify({ ...holder, check: checkOf(holder) })
}

const isAlive = (holder: Holder): boolean => {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false
  }
  if (holder.started === "") return true
  const { state, started } = processStat(holder.pid)
  if (started === "") return true
  // A zombie has let go of everything but its number.
  return state !== "Z" && state !== "X" && started === holder.started && bootId() === holder.boot
}

const take = (root: string, path: string): DirectoryRefused | undefined => {
  const lock = join(root, path)
  const mine = `${lock}.${process.pid}.tmp`
  const guard = `${lock}.takeover`
  // Written beside and linked into place: nobody ever reads a lock that is half written.
  writeFileSync(mine, self(), { mode: 0o600 })
  try {
    if (tryLink(mine, lock)) return undefined
    const refusal = refusedByLiving(root, lock)
    if (refusal) return refusal
    // The holder is dead. The guard lets one process at a time look again and take over.
    removeStaleGuard(guard)
    if (!tryLink(mine, guard)) {
      return new DirectoryRefused({
        path: root,
        reason: "another process is just taking it over",
        remedy: "See which one has it, and try again if none does.",
      })
    }
    try {
      const refusal = refusedByLiving(root, lock)
      if (!refusal) {
        writeFileSync(`${mine}2`, self(), { mode: 0o600 })
        renameSync(`${mine}2`, lock)
      }
      return refusal
    } finally {
      rmSync(guard, { force: true })
    }
  } finally {
    rmSync(mine, { force: true })
  }
}

/**
 * A guard whose holder died was left by a kill. It is moved aside under a name of this process before it goes: of two
 * that find it stale one moves it, and what it moved is looked at once more, so that nobody's fresh guard is removed.
 */
const removeStaleGuard = (guard: string): void => {
  if (!isStale(guard)) return
  const aside = `${guard}.${process.pid}.tmp`
  try {
    renameSync(guard, aside)
  } catch {
    return
  }
  if (isStale(aside)) rmSync(aside, { force: true })
  else renameSync(aside, guard)
}

const isStale = (guard: string): boolean => {
  if (!existsSync(guard)) return false
  const holder = decodeHolder(readText(guard))
  return holder === undefined || !isAlive(holder)
}

const tryLink = (from: string, to: string): boolean => {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

/** "" when it is gone by now; undefined when nobody may read it. */
const lockText = (lock: string): string | undefined => {
  try {
    return readFileSync(lock, "utf8")
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "" : undefined
  }
}

/** Refused is also what can't be read: whoever made it may live. */
const refusedByLiving = (root: string, lock: string): DirectoryRefused | undefined => {
  const text = lockText(lock)
  if (text === undefined) {
    return new DirectoryRefused({
      path: root,
      reason: "its file lock can't be read",
      remedy: "Run as the user whose directory it is. If no process is using it, remove the file lock.",
    })
  }
  const holder = decodeHolder(text)
  if (holder === undefined) {
    if (isBlank(text)) return undefined
    return new DirectoryRefused({
      path: root,
      reason: `its file lock was changed, and doesn't say who is using it`,
      remedy: "See that no process is, then remove the file lock.",
    })
  }
  if (!isAlive(holder)) return undefined
  return new DirectoryRefused({
    path: root,
    reason: `process ${holder.pid} is using it`,
    remedy: `Stop process ${holder.pid} first, or use another data directory.`,
  })
}

const release = (root: string, path: string): void => {
  const lock = join(root, path)
  const holder = decodeHolder(readText(lock))
  if (holder?.pid !== process.pid) return
  try {
    rmSync(lock, { force: true })
  } catch {
    // In a directory that turned read-only it stays, and the next start finds its holder dead.
  }
}

export const lockFile = (root: string, path: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => take(root, path),
      catch: (error) => {
        const { code, message } = error as NodeJS.ErrnoException
        return new StorageFailed({ operation: "lock", path, code: code ?? "UNKNOWN", detail: message })
      },
    }).pipe(Effect.flatMap((refusal) => (refusal ? Effect.fail(refusal) : Effect.void))),
    () => Effect.sync(() => release(root, path)),
  )
