/** What survives: blocks, segments, snapshots, keys. Knows bytes, not money. */

export {
  type BackupOptions,
  type BackupReport,
  takeBackup,
} from "./backup/Backup.ts"
export { BackupRefused } from "./backup/BackupRefused.ts"
export {
  bytesOf,
  type Catalogue,
  type CatalogueSegment,
  type CatalogueSnapshot,
  catalogueFile,
  directoryId,
  readCatalogue,
} from "./backup/Catalogue.ts"
export { type Chapter, chaptersOf, type Gap, gapsOf } from "./backup/Chapters.ts"
export { checkFiles } from "./backup/Check.ts"
export {
  finishRestore,
  planRestore,
  type RestoreOptions,
  type RestorePlan,
  restoreFiles,
  selectionOf,
  type Until,
} from "./backup/Restore.ts"
export { type Selection, selected } from "./backup/Selection.ts"
export { readSnapshot, snapshotsIn } from "./backup/SnapshotCopy.ts"
export { withSnapshotTimes } from "./backup/SnapshotTimes.ts"
export type { ContentVersions } from "./content.ts"
export type { Block } from "./cursor.ts"
export {
  type DirectoryOptions,
  directoryVersion,
  type Manifest,
  manifestAside,
  openDirectory,
  writeManifest,
} from "./DataDirectory.ts"
export {
  Journal,
  type JournalOptions,
  type JournalShape,
  type JournalStat,
  payloadBytesMax,
  segmentBytesDefault,
} from "./Journal.ts"
export {
  DirectoryRefused,
  JournalDamaged,
  type JournalError,
  KeyMissing,
  KeyWrong,
  nextSteps,
  PositionUnavailable,
  StorageFailed,
  VersionUnsupported,
} from "./JournalError.ts"
export { DataKey, KeyRing, type KeyRingError, type KeyRingOptions, type KeyRingShape } from "./KeyRing.ts"
export { Machine, type MachineShape, roundOf } from "./Machine.ts"
export {
  type Held,
  type MissingSequences,
  missingSequences,
  missingText,
  neededFrom,
} from "./missing.ts"
export { makeReadAhead, type ReadAhead, readAheadFromBytes } from "./ReadAhead.ts"
export { applyRepair, forEachLost } from "./repair/Apply.ts"
export { type Planned, planRepair, type RepairPlan } from "./repair/Plan.ts"
export { mended } from "./repair/padding.ts"
export { type Damage, type Survey, surveyDirectory } from "./repair/Survey.ts"
export { type MasterRotation, rotateMasterKey } from "./rotateMaster.ts"
export {
  type Pace,
  type SnapshotInfo,
  type SnapshotPart,
  Snapshots,
  type SnapshotsOptions,
  type SnapshotsShape,
  type SnapshotWriting,
  snapshotPieceBytesMax,
} from "./Snapshots.ts"
export { type OpenOptions, Storage, type StorageFile, type StorageShape } from "./Storage.ts"
export {
  type DiskOperation,
  MemoryDisk,
  type MemoryDiskOptions,
  type SectorChoice,
} from "./storage/memory.ts"
export type { Pull } from "./Walk.ts"
export type { BlockInput } from "./writer.ts"
