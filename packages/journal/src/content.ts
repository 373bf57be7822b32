/** Versions of what the caller keeps in blocks and snapshots: this room carries them and refuses what can't be read. */
import { Effect } from "effect"
import { VersionUnsupported, versionRemedy } from "./JournalError.ts"

export interface ContentVersions {
  /** For people: "slot", "image". */
  readonly name: string
  /** What is written, and the newest that is read. */
  readonly writes: number
  /** The oldest that is read. */
  readonly oldest: number
}

export const anyContent: ContentVersions = { name: "content", writes: 1, oldest: 1 }

/** Errors: VersionUnsupported. */
export const checkContent = (
  file: string,
  found: number,
  { name, writes, oldest }: ContentVersions,
): Effect.Effect<void, VersionUnsupported> =>
  found >= oldest && found <= writes
    ? Effect.void
    : Effect.fail(
        new VersionUnsupported({
          file,
          what: name,
          found,
          supported: writes,
          remedy: versionRemedy(found, writes),
        }),
      )
