/** What survives: blocks, segments, snapshots, keys. Knows bytes, not money. */
export type { Block } from "./cursor.ts"
export {
  type DirectoryOptions,
  directoryVersion,
  type Manifest,
  openDirectory,
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
  PositionUnavailable,
  StorageFailed,
  VersionUnsupported,
} from "./JournalError.ts"
export { DataKey, KeyRing, type KeyRingError, type KeyRingOptions, type KeyRingShape } from "./KeyRing.ts"
export type { Pull } from "./reader.ts"
export {
  type SnapshotInfo,
  type SnapshotPart,
  Snapshots,
  type SnapshotsOptions,
  type SnapshotsShape,
  snapshotPieceBytesMax,
} from "./Snapshots.ts"
export { type OpenOptions, Storage, type StorageFile, type StorageShape } from "./Storage.ts"
export {
  type DiskOperation,
  MemoryDisk,
  type MemoryDiskOptions,
  type SectorChoice,
} from "./storage/memory.ts"
export type { BlockInput } from "./writer.ts"
