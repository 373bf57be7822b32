// ISO 8583 by dialects that are data: messages as bytes and back, framings, MACs, PIN blocks and the keys of a line.
export { answerTo } from "./Answer.ts"
export type { BitmapCoding } from "./Bitmap.ts"
export {
  decode,
  encode,
  ISO_MESSAGE_BYTES_MAX,
  type MacOf,
  macFieldOf,
  macPartsOf,
  messageBytesMin,
} from "./Codec.ts"
export {
  checkRequest,
  type Dialect,
  type DialectName,
  dialectNames,
  loadDialect,
  type Operation,
  operationOf,
  parseDialect,
  type RequestRule,
  responseOf,
  withLengths,
} from "./Dialect.ts"
export { type OperationKind, operationKinds } from "./DialectFile.ts"
export type {
  BinaryCoding,
  DigitCoding,
  FieldFormat,
  FieldType,
  OddDigit,
} from "./FieldFormat.ts"
export {
  FRAMING_HELD_BYTES_MAX,
  type Framing,
  FramingReader,
  framings,
  type IsoFrame,
  isoFrame,
  TPDU_BYTES,
  turnedTpdu,
} from "./Framing.ts"
export {
  KCV_BYTES,
  type KeyCipher,
  keyCheckValue,
  legacyAesCheckValue,
  unwrapKey,
  withOddParity,
  wrapKey,
} from "./Keys.ts"
export { aesCmac, RETAIL_KEY_BYTES, retailMac, sameMac } from "./Mac.ts"
export {
  answerMti,
  baseMti,
  bytesOf,
  FIELD_MAX,
  type FieldValue,
  isAdvice,
  isRepeat,
  isRequest,
  type Message,
  message,
  textOf,
} from "./Message.ts"
export { type OriginalData, originalOf, originalText } from "./Original.ts"
export {
  FORMAT_0_BYTES,
  FORMAT_4_BYTES,
  FORMAT_4_FILL_BYTES,
  format0Block,
  format0Pin,
  format4Block,
  format4Pin,
} from "./PinBlock.ts"
export { IsoProblem, type IsoProblemCode } from "./Problem.ts"
