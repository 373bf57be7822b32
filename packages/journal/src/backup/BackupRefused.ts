/** What can't be done with a backup, or isn't done for the sake of what is there. */
import { Schema } from "effect"
import type { StorageShape } from "../Storage.ts"

export class BackupRefused extends Schema.TaggedError<BackupRefused>()("BackupRefused", {
  /** Where the backup is. */
  path: Schema.String,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `backup ${this.path}: ${this.reason}. ${this.remedy}`
  }
}

export const refused = (backup: StorageShape, reason: string, remedy: string): BackupRefused =>
  new BackupRefused({ path: backup.location, reason, remedy })
