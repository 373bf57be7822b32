// One client at a time on a file of pending reversals: a lock that names its holder, and that a dead holder can't keep.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"

/** Only its owner reads it, like the file beside it. */
const MODE = 0o600

/** `started` and `boot` tell a process from another that got the same number later; "" where there is no /proc. */
interface Holder {
  readonly pid: number
  readonly started: string
  readonly boot: string
}

/** Locks of this process: two clients on one file would write over each other. */
const held = new Set<string>()

/** Takes the lock, over from a dead holder too. Throws a sentence when a living one has it. The result lets go. */
export const lock = (path: string): (() => void) => {
  if (held.has(path)) throw new Error("another client of this program uses it")
  const mine = `${path}.${process.pid}.tmp`
  // Written beside and linked into place: nobody ever reads a lock that is half written.
  writeFileSync(mine, JSON.stringify(self()), { mode: MODE })
  try {
    while (!linked(mine, path)) {
      const holder = holderOf(path)
      if (holder !== undefined) throw new Error(`process ${holder} uses it (${path})`)
      removeStale(path)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  held.add(path)
  return () => {
    held.delete(path)
    rmSync(path, { force: true })
  }
}

/** Moved aside before it goes, and looked at once more: of two that find it stale, none removes the other's fresh lock. */
const removeStale = (path: string): void => {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (holderOf(aside) !== undefined) linked(aside, path)
  rmSync(aside, { force: true })
}

const linked = (from: string, to: string): boolean => {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  }
}

/** The living process that holds a lock, if there is one. What can't be read is nobody's. */
const holderOf = (path: string): number | undefined => {
  const holder = parsed(textOf(path))
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined
}

const parsed = (text: string): Holder | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // Versions before this one wrote the number alone.
    if (typeof value === "number") return { pid: value, started: "", boot: "" }
    if (typeof value !== "object" || value === null || !("pid" in value)) return undefined
    const { pid, started, boot } = { started: "", boot: "", ...value }
    return typeof pid === "number" ? { pid, started: String(started), boot: String(boot) } : undefined
  } catch {
    return undefined
  }
}

const self = (): Holder => ({ pid: process.pid, started: statOf(process.pid).started, boot: bootId() })

/** A lock of our own number that we do not hold was left by another process that had it. */
const isAlive = ({ pid, started, boot }: Holder): boolean => {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // A process of somebody else's that may not be signalled lives all the same.
    if (codeOf(error) !== "EPERM") return false
  }
  const now = statOf(pid)
  if (started === "" || now.started === "") return true
  // A zombie has let go of everything but its number.
  return now.state !== "Z" && now.state !== "X" && now.started === started && bootId() === boot
}

/** Fields 3 (state) and 22 (start time, clock ticks since boot) of proc(5) stat, after the parenthesised name. */
const statOf = (pid: number): { readonly state: string; readonly started: string } => {
  const stat = textOf(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { state: fields[0] ?? "", started: fields[19] ?? "" }
}

const bootId = (): string => textOf("/proc/sys/kernel/random/boot_id").trim()

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined
