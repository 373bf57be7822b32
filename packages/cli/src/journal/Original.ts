// The directory as it is before a repair, kept whole under another name beside it.
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { type Stop, stop } from "../Stop.ts"

/** The lock is of the process that runs now. */
const isOfTheProcess = (name: string): boolean => name === "lock" || name.startsWith("lock.")

/**
 * A second name for each file where the file system allows it, else a copy. A repair replaces files and changes none where it
 * lies, so the second name keeps what was.
 */
export const keepOriginal = (data: string, ms: number): Effect.Effect<string, Stop> =>
  Effect.suspend(() => {
    const stamp = new Date(ms).toISOString().replaceAll(/[-:]/g, "").slice(0, 15)
    const base = `${data.replace(/\/+$/, "")}.before-repair-${stamp}`
    let aside = base
    for (let n = 2; existsSync(aside); n++) aside = `${base}-${n}`
    return Effect.try({
      try: () => {
        keep(data, aside, true)
        return aside
      },
      catch: (error) => {
        rmSync(aside, { recursive: true, force: true })
        const why = error instanceof Error ? error.message : String(error)
        return stop(`the original could not be kept as ${aside}: ${why}. Nothing was changed`)
      },
    })
  })

const keep = (from: string, to: string, isTop: boolean): void => {
  mkdirSync(to, { mode: 0o700 })
  for (const name of readdirSync(from)) {
    if (isTop && (isOfTheProcess(name) || name === "lost+found")) continue
    const path = join(from, name)
    // What a link leads to is what will be changed: it is kept, not the link.
    if (statSync(path).isDirectory()) keep(path, join(to, name), false)
    else linkOrCopy(path, join(to, name))
  }
  sync(to)
}

const sync = (path: string): void => {
  const file = openSync(path, "r")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const linkOrCopy = (from: string, to: string): void => {
  try {
    linkSync(realpathSync(from), to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Another file system, or one without second names.
    if (code !== "EXDEV" && code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK") throw error
    copyFileSync(from, to)
    sync(to)
  }
}
