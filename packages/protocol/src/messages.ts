// The schema of every message, request and response: what is not trusted is decoded here, with errors that name the field.
export {
  CARDS_PER_COMMAND_MAX,
  CARDS_PER_ISSUE_MAX,
  CHECK_VALUE_DIGITS,
  LifecycleAction,
  ORDER_PURSES_MAX,
} from "./messages/cards.ts"
export {
  decodeError,
  decodeLogon,
  decodeRequest,
  decodeResponse,
  type LogonMessageOf,
  type LogonType,
  MessageProblem,
  type Request,
  type RequestOf,
  type RequestType,
  type Response,
  type ResponseOf,
  requestTypes,
} from "./messages/decode.ts"
export {
  CATEGORY_RANGES_MAX,
  FEE_TIERS_MAX,
  FeePlan,
  NAME_CHARACTERS_MAX,
  PurseName,
  REASON_CHARACTERS_MAX,
} from "./messages/fields.ts"
export {
  type Challenge,
  type ErrorCode,
  ErrorMessage,
  errorCodes,
  type Hello,
  IdentitySchema,
  type Logon,
  Permission,
  type SessionLimits,
  type Welcome,
} from "./messages/logon.ts"
export {
  HOST_RANGES_MAX,
  PARAMETER_CHARACTERS_MAX,
  PARAMETERS_MAX,
  TERMINALS_PER_COMMAND_MAX,
} from "./messages/merchants.ts"
export { HISTORY_MAX, HOTLIST_CHANGES_MAX, TransactionView } from "./messages/questions.ts"
