// What crosses the wire. This entry runs in Node, in browsers and in k6; the schemas are in `@millrace/protocol/messages`.
export { AMOUNT_MAX } from "./bounds.ts"
export {
  BATCH_RECORDS_MAX,
  batchFrame,
  batchFrameBytes,
  defaultFrameLimits,
  FRAME_HEADER_BYTES,
  FRAME_LENGTH_BYTES_MIN,
  FrameAt,
  type FrameError,
  type FrameErrorCode,
  type FrameLimits,
  FrameType,
  MESSAGE_BYTES_MAX,
  messageFrame,
  PROTOCOL_VERSION,
  writeFrameHeader,
} from "./Frame.ts"
export { FrameReader, type FrameSink } from "./FrameReader.ts"
export {
  KIND_RESERVED_FROM,
  Kind,
  type KindName,
  kindName,
  kindNames,
  RECORD_FLAGS_KNOWN,
  RecordFlag,
} from "./Kind.ts"
export {
  CLIENT_NONCE_BYTES_MAX,
  CLIENT_NONCE_BYTES_MIN,
  clientTranscript,
  hostIdPattern,
  type Identity,
  identityBytes,
  identityText,
  KEY_BYTES,
  LOGON_SECONDS_MAX,
  logonKeyTranscript,
  PROOF_BYTES,
  SERVER_NONCE_BYTES,
  serverTranscript,
} from "./Logon.ts"
export {
  MESSAGE_DEPTH_MAX,
  type MessageError,
  type MessageMap,
  packMessage,
  unpackMessage,
} from "./Message.ts"
export {
  decodeOutcome,
  encodeOutcome,
  makeTransactionId,
  OUTCOME_BYTES,
  OUTCOME_WORDS,
  type Outcome,
  OutcomeAt,
  OutcomeWord,
  outcomeBytes,
  transactionSequence,
  transactionShard,
  writeOutcome,
} from "./Outcome.ts"
export {
  decodeRecord,
  encodeRecord,
  littleEndianHost,
  PIN_BLOCK_BYTES,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordAt,
  type RecordInput,
  RecordWord,
  recordBytes,
  type TransactionRecord,
  writeRecord,
} from "./Record.ts"
export {
  makeReference,
  REFERENCE_COUNTER_MAX,
  REFERENCE_MS_MAX,
  ReferenceSource,
  referenceCounter,
  referenceHi,
  referenceLo,
  referenceMs,
  referenceMsOf,
} from "./Reference.ts"
export {
  OutcomeFlag,
  ResponseCode,
  type ResponseName,
  responseDigits,
  responseName,
  responseNames,
  responseText,
} from "./ResponseCode.ts"
