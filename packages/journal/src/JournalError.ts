/** What can go wrong with what is kept, as typed errors: each says what is wrong, where, and what to do. */
import { Schema } from "effect"

/** What there is to do about a system's code, where that is plain. */
const remedies: { readonly [code: string]: string } = {
  ENOSPC: "make room on its file system",
  EDQUOT: "raise the quota of the user that runs this",
  EFBIG: "raise the limit on the size of files (ulimit -f)",
  EACCES: "let the user that runs this write there",
  EPERM: "let the user that runs this write there",
  EROFS: "mount its file system to be written",
  EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE)",
  ENFILE: "raise the system's limit of open files (fs.file-max)",
  EIO: "look for a failing disk in the kernel's log",
}

/** The storage refused or failed an operation. Never retried: after a failed sync nobody knows what is on the disk. */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()("StorageFailed", {
  operation: Schema.String,
  path: Schema.String,
  /** The system's code, such as ENOSPC, EIO, ENOENT. */
  code: Schema.String,
  detail: Schema.String,
}) {
  override get message(): string {
    const remedy = remedies[this.code]
    return `${this.operation} of ${this.path || "the data directory"} failed: ${this.code} (${this.detail})${remedy === undefined ? "" : `: ${remedy}`}`
  }
}

/** Something that had been durable is not what was written, or is not there. */
export class JournalDamaged extends Schema.TaggedError<JournalDamaged>()("JournalDamaged", {
  /** Path inside the data directory. */
  file: Schema.String,
  /** Byte offset in the file. */
  at: Schema.Finite,
  /** The journal sequence that was expected there; 0 where sequences mean nothing. */
  expected: Schema.Finite,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    const sequence = this.expected > 0 ? `, where sequence ${this.expected} was expected` : ""
    return `${this.file} is damaged at byte ${this.at}${sequence}: ${this.reason}. ${this.remedy}`
  }
}

/** A key that is needed is not there. */
export class KeyMissing extends Schema.TaggedError<KeyMissing>()("KeyMissing", {
  key: Schema.String,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.key} is missing: ${this.reason}. ${this.remedy}`
  }
}

/** A key is there but is not the one, or is not a key at all. */
export class KeyWrong extends Schema.TaggedError<KeyWrong>()("KeyWrong", {
  key: Schema.String,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.key} is wrong: ${this.reason}. ${this.remedy}`
  }
}

/** The data directory can't be used by this process, or by this program. */
export class DirectoryRefused extends Schema.TaggedError<DirectoryRefused>()("DirectoryRefused", {
  path: Schema.String,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `data directory ${this.path} is refused: ${this.reason}. ${this.remedy}`
  }
}

/** A file is of a version that this program doesn't read. Found before anything is changed. */
export class VersionUnsupported extends Schema.TaggedError<VersionUnsupported>()("VersionUnsupported", {
  file: Schema.String,
  /** What the version is of: format, slots, images. */
  what: Schema.String,
  found: Schema.Finite,
  /** The newest that this program reads. */
  supported: Schema.Finite,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.file} has ${this.what} version ${this.found}, this program reads version ${this.supported}. ${this.remedy}`
  }
}

/** A reader asked for sequences that are no longer, or not yet, in the journal. */
export class PositionUnavailable extends Schema.TaggedError<PositionUnavailable>()("PositionUnavailable", {
  from: Schema.Finite,
  first: Schema.Finite,
  last: Schema.Finite,
}) {
  override get message(): string {
    return `sequence ${this.from} is not in the journal, which holds ${this.first} to ${this.last}`
  }
}

export type JournalError =
  | StorageFailed
  | JournalDamaged
  | KeyMissing
  | KeyWrong
  | DirectoryRefused
  | VersionUnsupported
  | PositionUnavailable

/** What to do about a version: the same words for every file. */
export const versionRemedy = (found: number, supported: number): string =>
  found > supported
    ? `Nothing was changed. Start a program that reads version ${found}, such as the one that wrote it; or restore a backup from before the upgrade into another directory.`
    : `Nothing was changed. Start it once with a program that reads both version ${found} and ${supported}.`

/** In the order in which to try: what gives back everything comes first. */
export const nextSteps =
  "See with `millrace journal verify` what is wrong, then restore a backup (`millrace restore`); `millrace journal repair` says what could be saved without one."

export const restoreRemedy =
  "Nothing was changed. Restore a backup (`millrace restore`), or see with `millrace journal repair` what could be saved without one."
