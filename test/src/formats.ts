// `npm run formats -- DIRECTORY`: makes small data directories as this program writes them, with what must be found in them.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SlotKind } from "@millrace/ledger"
import { Kind, OutcomeAt, RecordAt } from "@millrace/protocol"
import type { Expected, Repeat } from "./formats/Expected.ts"
import { Room, TEST_MASTER_KEY } from "./formats/Room.ts"
import { later, provisioning, START_MS } from "./formats/Scheme.ts"
import { roundOf } from "./formats/Traffic.ts"

const HOUR = 3_600_000
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Those whose outcome has a transaction, which is only then remembered. */
const remembered = (records: ReadonlyArray<Uint8Array>, outcomes: ReadonlyArray<Uint8Array>): Array<Repeat> =>
  records.flatMap((record) => {
    const key = (bytes: Uint8Array, terminal: number) =>
      `${hex(bytes.subarray(0, 8))} ${hex(bytes.subarray(terminal, terminal + 4))}`
    const wanted = key(record, RecordAt.terminal)
    const outcome = outcomes.find((bytes) => key(bytes, OutcomeAt.terminal) === wanted)
    const isKept = outcome
      ?.subarray(OutcomeAt.transaction, OutcomeAt.transaction + 8)
      .some((byte) => byte !== 0)
    return outcome !== undefined && isKept ? [{ record: hex(record), outcome: hex(outcome) }] : []
  })

interface Plan {
  readonly rounds: number
  /** After these rounds a snapshot is taken. */
  readonly snapshots: ReadonlyArray<number>
  /** What is on the disk without a clean end, as SIGKILL leaves it. */
  readonly killed?: true
}

const plans: { readonly [name: string]: Plan } = {
  closed: { rounds: 8, snapshots: [4] },
  released: { rounds: 13, snapshots: [5, 9, 12] },
  killed: { rounds: 5, snapshots: [3], killed: true },
}

const make = async (directory: string, plan: Plan) => {
  const work = plan.killed ? `${directory}.work` : directory
  const room = await Room.open(work, START_MS)
  const kinds = new Set<number>()
  let repeats: ReadonlyArray<Repeat> = []
  for (const command of provisioning) await room.command(command)
  for (let number = 1; number <= plan.rounds; number++) {
    for (const command of later.get(number) ?? []) await room.command(command)
    const answered: Array<Repeat> = []
    for (const batch of roundOf(number)) answered.push(...remembered(batch, await room.ask(batch)))
    repeats = answered
    for (const kind of room.kinds()) kinds.add(kind)
    if (plan.snapshots.includes(number)) await room.snapshot()
    if (number < plan.rounds) await room.pass(30 * HOUR)
  }
  const expected: Expected = { time: room.time, facts: room.facts(), repeats }
  const { segments, first, last } = await room.stat()
  if (plan.killed) cpSync(work, directory, { recursive: true, filter: (path) => !path.endsWith("/lock") })
  await room.close()
  if (plan.killed) rmSync(work, { recursive: true })
  writeFileSync(`${directory}.json`, `${JSON.stringify(expected, null, 1)}\n`)
  const wanted = [...Object.values(Kind), ...Object.values(SlotKind)]
  const missing = wanted.filter((kind) => !kinds.has(kind))
  console.log(
    `${directory}: slots ${first} to ${last} in ${segments.length} segments, ${bytesIn(directory)} bytes; ` +
      (missing.length === 0 ? "every kind of slot" : `kinds ${missing.join(", ")} are not in it`),
  )
  return missing
}

const bytesIn = (directory: string): number =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)

const [directory] = process.argv.slice(2)
if (directory === undefined || directory.startsWith("-") || existsSync(directory)) {
  console.error("npm run formats -- DIRECTORY: a directory that isn't there yet, such as test/data/formats/3")
  process.exit(2)
}
mkdirSync(directory, { recursive: true })
writeFileSync(join(directory, "master.key"), `${TEST_MASTER_KEY}\n`)
for (const [name, plan] of Object.entries(plans)) {
  const missing = await make(join(directory, name), plan)
  if (missing.length > 0 && !plan.killed) process.exitCode = 1
}
