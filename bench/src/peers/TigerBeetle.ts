// TigerBeetle: debits as transfers from the card's account to the merchant's, in batches of its own greatest size.
import { execFileSync, spawn } from "node:child_process"
import { join } from "node:path"
import { CARD_FIRST, CARDS, type Debit, OPENING_BALANCE, Refusal } from "./Debit.ts"
import { installed, installLine, programOf } from "./Installed.ts"
import { type DebitChannel, FormGroup, type Peer, type RunningPeer } from "./Peer.ts"
import { ended, freePort, owned } from "./processes.ts"

/** Events in a request of 1 MiB. */
const BATCH_MAX = 8_189
const LEDGER = 1
const CODE = 1
/** Far below the cards' numbers. */
const MERCHANT = 1n
const BANK = 2n

interface Account {
  readonly id: bigint
  readonly debits_posted: bigint
  readonly credits_posted: bigint
}
interface Result {
  readonly status: number
}
interface Client {
  readonly createAccounts: (batch: ReadonlyArray<object>) => Promise<ReadonlyArray<Result>>
  readonly createTransfers: (batch: ReadonlyArray<object>) => Promise<ReadonlyArray<Result>>
  readonly lookupAccounts: (batch: ReadonlyArray<bigint>) => Promise<ReadonlyArray<Account>>
  readonly destroy: () => void
}
/** Of `tigerbeetle-node` 0.17: a result for each event, in its place. */
interface Library {
  readonly createClient: (options: { cluster_id: bigint; replica_addresses: ReadonlyArray<string> }) => Client
  readonly AccountFlags: { readonly debits_must_not_exceed_credits: number }
  readonly CreateAccountStatus: { readonly created: number }
  readonly CreateTransferStatus: Readonly<
    Record<"created" | "exists" | "exceeds_credits" | "debit_account_not_found" | "id_already_failed", number>
  >
}

const account = (id: bigint, flags: number): object => ({
  id,
  debits_pending: 0n,
  debits_posted: 0n,
  credits_pending: 0n,
  credits_posted: 0n,
  user_data_128: 0n,
  user_data_64: 0n,
  user_data_32: 0,
  reserved: 0,
  ledger: LEDGER,
  code: CODE,
  flags,
  timestamp: 0n,
})

const transfer = (id: bigint, from: bigint, to: bigint, amount: bigint): object => ({
  id,
  debit_account_id: from,
  credit_account_id: to,
  amount,
  pending_id: 0n,
  user_data_128: 0n,
  user_data_64: 0n,
  user_data_32: 0,
  timeout: 0,
  ledger: LEDGER,
  code: CODE,
  flags: 0,
  timestamp: 0n,
})

const transferOf = ({ terminal, referenceHi, referenceLo, card, amount }: Debit): object =>
  transfer(
    (BigInt(terminal) << 64n) | (BigInt(referenceHi) << 32n) | BigInt(referenceLo),
    BigInt(card),
    MERCHANT,
    BigInt(amount),
  )

/** It answers whether, not what is left: an approval is 0 here. A failed id stays failed, whatever is on the card later. */
const answerOf = ({ CreateTransferStatus: status }: Library, result: Result): number => {
  if (result.status === status.created || result.status === status.exists) return 0
  if (result.status === status.exceeds_credits || result.status === status.id_already_failed) {
    return Refusal.insufficientFunds
  }
  return result.status === status.debit_account_not_found ? Refusal.noSuchCard : Refusal.otherContent
}

const channelOf = (library: Library, client: Client): DebitChannel => ({
  send: (debits, done) => {
    client.createTransfers(debits.map(transferOf)).then(
      (results) => done(results.map((result) => answerOf(library, result))),
      (error: unknown) => {
        queueMicrotask(() => {
          throw error
        })
      },
    )
  },
  close: () => client.destroy(),
})

const expectAll = (results: ReadonlyArray<Result>, status: number): void => {
  const other = results.find((result) => result.status !== status)
  if (other !== undefined) throw new Error(`TigerBeetle refused a card: status ${other.status}`)
}

const makeCards = async (library: Library, client: Client): Promise<void> => {
  const { AccountFlags, CreateAccountStatus, CreateTransferStatus } = library
  expectAll(
    await client.createAccounts([account(MERCHANT, 0), account(BANK, 0)]),
    CreateAccountStatus.created,
  )
  for (let from = 0; from < CARDS; from += BATCH_MAX) {
    const cards = Array.from({ length: Math.min(BATCH_MAX, CARDS - from) }, (_, n) =>
      BigInt(CARD_FIRST + from + n),
    )
    const accounts = cards.map((card) => account(card, AccountFlags.debits_must_not_exceed_credits))
    expectAll(await client.createAccounts(accounts), CreateAccountStatus.created)
    const openings = cards.map((card) => transfer(card, BANK, card, BigInt(OPENING_BALANCE)))
    expectAll(await client.createTransfers(openings), CreateTransferStatus.created)
  }
}

const found = (): string | undefined => programOf("TIGERBEETLE", "tigerbeetle")

const start = async (directory: string): Promise<RunningPeer> => {
  const program = found()
  if (program === undefined) throw new Error("no tigerbeetle")
  const library = await installed<Library>("tigerbeetle-node")
  const file = join(directory, "0_0.tigerbeetle")
  execFileSync(program, ["format", "--cluster=0", "--replica=0", "--replica-count=1", file], {
    stdio: "ignore",
  })
  const address = `127.0.0.1:${await freePort()}`
  const server = owned(spawn(program, ["start", `--addresses=${address}`, file], { stdio: "ignore" }))
  const connect = () => library.createClient({ cluster_id: 0n, replica_addresses: [address] })
  const admin = connect()
  await makeCards(library, admin)
  return {
    version: execFileSync(program, ["version"], { encoding: "utf8" }).trim(),
    settings: [],
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    open: () => Promise.resolve(channelOf(library, connect())),
    // It tells an account's sums, not how many transfers there are.
    books: async () => {
      const [merchant] = await admin.lookupAccounts([MERCHANT])
      return { debited: Number(merchant.credits_posted) }
    },
    stop: async () => {
      admin.destroy()
      await ended(server, "SIGTERM")
    },
  }
}

export const tigerBeetle: Peer = {
  name: "TigerBeetle",
  forms: [
    {
      id: "tigerbeetle-1",
      group: FormGroup.batches,
      name: "batches of 8,189, 1 client",
      connections: 1,
      inFlight: 1,
      batch: BATCH_MAX,
    },
    {
      id: "tigerbeetle-4",
      group: FormGroup.batches,
      name: "batches of 8,189, 4 clients",
      connections: 4,
      inFlight: 1,
      batch: BATCH_MAX,
    },
  ],
  missing: () =>
    found() === undefined
      ? "put tigerbeetle 0.17.9 (https://docs.tigerbeetle.com/operating/installing) in PATH or name its file in TIGERBEETLE"
      : installLine("tigerbeetle-node"),
  start,
}
