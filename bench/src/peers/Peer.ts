// What a peer is to the runner: something that is started, takes debits in several forms, is audited, and is stopped.
import type { Debit } from "./Debit.ts"

/** Like is compared with like: hosts that collect debits, lines that many share, terminals by themselves; on one connection. */
export const FormGroup = {
  batches: "many debits in a request",
  pipelines: "one debit each, many under way",
  singles: "one debit each, one under way",
} as const
export type FormGroup = (typeof FormGroup)[keyof typeof FormGroup]

/** One way to send debits. */
export interface Form {
  readonly id: string
  readonly group: FormGroup
  readonly name: string
  readonly connections: number
  /** Requests outstanding on a connection. */
  readonly inFlight: number
  /** Debits in a request. */
  readonly batch: number
}

/** One connection of a client. */
export interface DebitChannel {
  /** Each debit's answer in its place: what is left on the card, or a `Refusal`. Throws where the peer has no such form. */
  readonly send: (debits: ReadonlyArray<Debit>, done: (answers: ReadonlyArray<number>) => void) => void
  readonly close: () => void
}

/** What a peer itself says of its books. */
export interface Books {
  /** Undefined where it can't be asked. */
  readonly transactions?: number
  /** Minor units that all cards have lost. */
  readonly debited: number
}

export interface RunningPeer {
  readonly version: string
  /** Settings that differ from the peer's own defaults. */
  readonly settings: ReadonlyArray<string>
  /** Its processes, to be held while another is measured. */
  readonly pids: () => ReadonlyArray<number>
  /** @param batch debits of a request */
  readonly open: (batch: number) => Promise<DebitChannel>
  readonly books: () => Promise<Books>
  readonly stop: () => Promise<void>
}

export interface Peer {
  readonly name: string
  readonly forms: ReadonlyArray<Form>
  /** How to get it, when it is not there; undefined when it is. */
  readonly missing: () => string | undefined
  /** Starts it on loopback with `CARDS` cards and its data under `directory`. */
  readonly start: (directory: string) => Promise<RunningPeer>
}
