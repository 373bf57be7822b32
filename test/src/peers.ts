// `npm run test:peers`: implementations that others wrote read what our ISO 8583 codec writes, and the other way round.
import { parseArgs } from "node:util"
import { type Dialect, decode, dialectNames, format0Pin, format4Pin, loadDialect } from "@millrace/iso8583"
import { Result } from "effect"
import { allPeers, ask, type Peer, type Ready } from "./peers/Peer.ts"
import {
  type Fields,
  fieldsOf,
  type MessageQuestion,
  messageQuestions,
  type SecretQuestion,
  secretQuestions,
} from "./peers/Questions.ts"
import { Random } from "./Random.ts"

const usage = "npm run test:peers -- [--skip-missing] [--messages 300] [--seed N]"
const DIFFERENCES_SHOWN_MAX = 10

const { values } = parseArgs({
  options: {
    "skip-missing": { type: "boolean", default: false },
    messages: { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    help: { type: "boolean", default: false },
  },
})
const messages = Number(values.messages)
const seed = Number(values.seed)
if (values.help || ![messages, seed].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.log(usage)
  process.exit(values.help ? 0 : 2)
}

/** What a peer may say; nothing of it is trusted to be there. */
interface Answer {
  readonly error?: unknown
  readonly mti?: unknown
  readonly fields?: Fields
  readonly bytes?: unknown
  readonly value?: unknown
  readonly block?: unknown
}

const dialects = new Map<string, Dialect>(
  dialectNames.map((name) => [name, Result.getOrThrow(loadDialect(name))]),
)

const sameFields = (one: Fields, other: Fields | undefined): boolean =>
  other !== undefined &&
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([number, value]) => other[number] === value)

/** What a peer and our codec see differently in a message, or undefined. */
const messageDifference = (question: MessageQuestion, answer: Answer): string | undefined => {
  const where = `${question.dialect} ${question.mti} ${question.bytes}`
  if (answer.error !== undefined) return `${where}: it says ${String(answer.error)}`
  if (answer.mti !== question.mti || !sameFields(question.fields, answer.fields)) {
    return `${where}: it reads ${JSON.stringify(answer)} for ${JSON.stringify(question.fields)}`
  }
  if (answer.bytes !== question.bytes) return `${where}: it writes ${String(answer.bytes)}`
  // The map has every dialect that is asked about.
  const ours = decode(Buffer.from(answer.bytes, "hex"), dialects.get(question.dialect)!)
  if (Result.isFailure(ours)) return `${where}: of its bytes we say ${ours.failure.message}`
  return ours.success.mti === question.mti && sameFields(question.fields, fieldsOf(ours.success))
    ? undefined
    : `${where}: we read its bytes differently`
}

const readPin = { format0: format0Pin, format4: format4Pin } as const

const secretDifference = (question: SecretQuestion, answer: Answer): string | undefined => {
  const where = `${question.what} ${JSON.stringify(question)}`
  if (answer.error !== undefined) return `${where}: it says ${String(answer.error)}`
  if (answer.value !== question.ours) return `${where}: it has ${String(answer.value)}`
  if (question.what !== "format0" && question.what !== "format4") return undefined
  const block = Buffer.from(String(answer.block), "hex")
  const pin = readPin[question.what](Buffer.from(question.key, "hex"), question.pan ?? "", block)
  return pin === question.pin ? undefined : `${where}: of its block we read ${String(pin)}`
}

const described = Object.fromEntries(
  [...dialects].map(([name, dialect]) => [name, { mti: dialect.mti, fields: [...dialect.fields.values()] }]),
)

/** The differences with one peer. */
const compare = (peer: Peer, ready: Extract<Ready, { ready: true }>): ReadonlyArray<string> => {
  const random = new Random(seed)
  const asked = [...dialects.values()].flatMap((dialect) =>
    messageQuestions(dialect, messages, random, peer.knows),
  )
  const secrets = peer.secrets ? secretQuestions(messages, random) : []
  // A peer answers with objects; `Answer` has every member optional and unknown.
  const answers = ask(ready, described, [...asked, ...secrets]) as ReadonlyArray<Answer>
  const differences = [
    ...asked.map((question, i) => messageDifference(question, answers[i])),
    ...secrets.map((question, i) => secretDifference(question, answers[asked.length + i])),
  ].filter((difference) => difference !== undefined)
  console.log(
    `${peer.name}: ${asked.length} messages, ${secrets.length} PIN blocks, MACs and check values, ${differences.length} differences`,
  )
  return differences
}

console.log(`seed ${seed}`)
let failed = false
for (const peer of allPeers) {
  const ready = peer.prepare()
  if (!ready.ready) {
    console.log(`${peer.name}: ${values["skip-missing"] ? "skipped" : "missing"}: ${ready.why}`)
    failed ||= !values["skip-missing"]
    continue
  }
  const differences = compare(peer, ready)
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN_MAX)) console.error(`  ${difference}`)
  failed ||= differences.length > 0
}
process.exit(failed ? 1 : 0)
