// A file that says that something in the directory is durable: from then on an empty journal is a lost one, not a new one.
import { closeSync, existsSync, openSync, readdirSync, readSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { type Stop, stop } from "../Stop.ts"

export const begunFile = (data: string): string => join(data, "begun")
/** A segment's header; of a segment that was only prepared it is zeros. */
const headerBytes = 4_096

const isWritten = (segment: string): boolean => {
  const header = Buffer.alloc(headerBytes)
  try {
    const file = openSync(segment, "r")
    try {
      readSync(file, header, 0, headerBytes, 0)
    } finally {
      closeSync(file)
    }
  } catch {
    // Something is there, or was just now: what is wrong with it the opening says.
    return true
  }
  return header.some((byte) => byte !== 0)
}

/** What can't be looked into is not gone: the opening says what is wrong with it. */
const hasJournal = (data: string): boolean => {
  const directory = join(data, "journal")
  if (!existsSync(directory)) return false
  try {
    return readdirSync(directory).some((name) => isWritten(join(directory, name)))
  } catch {
    return true
  }
}

/** Before anything is opened, so that what is left stays as it is. */
export const refuseLostJournal = (data: string): Effect.Effect<void, Stop> =>
  Effect.suspend(() =>
    !existsSync(begunFile(data)) || hasJournal(data)
      ? Effect.void
      : stop(
          `the journal of ${data} is gone: the directory was in use (it has a file begun), and no segment is left. ` +
            "Restore a backup (`millrace restore`), or use another data directory",
        ),
  )

export const markBegun = (data: string): Effect.Effect<void, Stop> =>
  Effect.suspend(() => {
    const file = begunFile(data)
    if (existsSync(file)) return Effect.void
    return Effect.try({
      try: () => writeFileSync(file, "", { mode: 0o600 }),
      catch: (error) =>
        stop(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`),
    })
  })
