/** How many connections the process may hold: each needs a descriptor, and the journal must never lack one. */
import { readFileSync } from "node:fs"

/** For segments, snapshots, listeners, the log, and connections that are being closed. */
const descriptorsReserved = 256

/** Connections that the system's limit allows, or `undefined` where it does not tell (other systems than Linux). */
export const connectionsAllowed = (): number | undefined => {
  try {
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    return limit === undefined || limit === "unlimited" ? undefined : Number(limit) - descriptorsReserved
  } catch {
    return undefined
  }
}
