/** What can go wrong with what is kept, as typed errors: each says what is wrong, where, and what to do. */
import { Schema } from "effect"

/** The storage refused or failed an operation. Never retried: after a failed sync nobody knows what is on the disk. */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()("StorageFailed", {
  operation: Schema.String,
  path: Schema.String,
  /** The system's code, such as ENOSPC, EIO, ENOENT. */
  code: Schema.String,
  detail: Schema.String,
}) {
  override get message(): string {
    return `${this.operation} of ${this.path || "the data directory"} failed: ${this.code} (${this.detail})`
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

/** A file was written by a version of the format that this program doesn't read. */
export class VersionUnsupported extends Schema.TaggedError<VersionUnsupported>()("VersionUnsupported", {
  file: Schema.String,
  found: Schema.Finite,
  supported: Schema.Finite,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.file} has format version ${this.found}, this program reads version ${this.supported}. ${this.remedy}`
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
    ? "Start it with the newer program that wrote it, or use another data directory."
    : "Start it once with a program that reads both versions, or use another data directory."

export const restoreRemedy =
  "Nothing was changed. Look with `millrace journal verify`, then restore the data directory from a backup."
