/** What changes the scheme: each message becomes a command of the ledger, with who gave it. */
import type { Engine } from "@millrace/engine"
import { type Command, cardNumberOf } from "@millrace/ledger"
import type { MessageMap } from "@millrace/protocol"
import type { Request, RequestOf, RequestType } from "@millrace/protocol/messages"
import { Effect } from "effect"
import type { CheckValues } from "../CheckValues.ts"
import type { Identities, Identity } from "../Identities.ts"
import type { SessionPins } from "../Pins.ts"
import { type Answer, control, refuse } from "./answer.ts"

export type CommandType = (Command["type"] & RequestType) | "rotate-key"

export interface CommandTools {
  readonly engine: Engine["Service"]
  readonly identities: Identities
  readonly checkValues: CheckValues
  readonly randomBytes: (count: number) => Uint8Array
}

/** Makes the function that carries out one command. */
export const makeCommands = ({ engine, identities, checkValues, randomBytes }: CommandTools) => {
  const { scheme } = engine.lane.ledger

  const plain = (command: Command): Answer =>
    Effect.map(control(engine, command), ({ created, existing }) => ({
      type: `${command.type}.ok`,
      created,
      existing,
    }))

  const terminals = (by: string, request: RequestOf<"terminals">): Answer =>
    Effect.map(control(engine, { ...request, by }), ({ created, existing }): MessageMap => {
      const key = request.count === 1 ? terminalKey(request.first) : undefined
      return { type: "terminals.ok", created, existing, key }
    })

  const terminalKey = (terminal: number) =>
    identities.keyOf({ terminal }, scheme.terminal(terminal)?.keyVersion ?? 0)
  const hostKey = (id: string) => identities.keyOf({ host: id }, scheme.host(id)?.keyVersion ?? 0)

  /** What else is known of a host or terminal stays as it is. */
  const rotateKey = (by: string, request: RequestOf<"rotate-key">): Answer => {
    const { host: id, terminal } = request
    if (terminal !== undefined) {
      const command = { type: "terminal", by, number: terminal, rotateKey: true } as const
      return Effect.map(control(engine, command), () => {
        const keyVersion = scheme.terminal(terminal)?.keyVersion ?? 0
        return { type: "rotate-key.ok", keyVersion, key: terminalKey(terminal) }
      })
    }
    const host = id === undefined ? undefined : scheme.host(id)
    if (host === undefined) return refuse("not-found", `host ${id} is not known`)
    const { terminals, permissions } = host
    const command = { type: "host", by, id: host.id, terminals, permissions, rotateKey: true } as const
    return Effect.map(control(engine, command), () => {
      const keyVersion = scheme.host(host.id)?.keyVersion ?? 0
      return { type: "rotate-key.ok", keyVersion, key: hostKey(host.id) }
    })
  }

  /** The verifier alone goes on: a block that can't be read is said to be one, and nothing more. */
  const withVerifier = (
    verifier: bigint | undefined,
    field: string,
    then: (verifier: bigint) => Answer,
  ): Answer =>
    verifier === undefined
      ? refuse("bad-message", `${field}: no PIN block of this number under the session's PIN key`)
      : then(verifier)

  const newNonce = () => Buffer.from(randomBytes(4)).readUInt32LE()

  const issue = (by: string, request: RequestOf<"issue">): Answer =>
    Effect.map(control(engine, { ...request, nonce: newNonce(), by }), (done): MessageMap => {
      const { created, existing, nonce = 0 } = done
      // The command was carried out, so the product is there.
      const { bin, digits } = scheme.product(request.product)!
      const cards = Array.from({ length: request.count }, (_, i) =>
        cardNumberOf(bin, digits, request.serial + i),
      )
      const values = cards.map((card) => checkValues.of(card, nonce))
      return { type: "issue.ok", created, existing, cards, checkValues: values }
    })

  const lifecycle = (by: string, request: RequestOf<"lifecycle">): Answer =>
    Effect.map(control(engine, { ...request, by }), (done): MessageMap => {
      const { created, existing, card, nonce, paidOut } = done
      const checkValue = card === undefined || nonce === undefined ? undefined : checkValues.of(card, nonce)
      return { type: "lifecycle.ok", created, existing, card, checkValue, paidOut }
    })

  return (by: Identity, pins: SessionPins, request: Extract<Request, { type: CommandType }>): Answer => {
    const { name } = by
    switch (request.type) {
      case "rotate-key":
        return rotateKey(name, request)
      case "merchant":
        return Effect.map(control(engine, { ...request, by: name }), ({ created }) => ({
          type: "merchant.ok",
          created: created > 0,
        }))
      case "host":
        return Effect.map(control(engine, { ...request, by: name }), () => ({
          type: "host.ok",
          key: hostKey(request.id),
        }))
      case "terminals":
        return terminals(name, request)
      case "issue":
        return issue(name, request)
      case "lifecycle":
        return lifecycle(name, request)
      case "pin":
        return withVerifier(pins.ofCard(request.card, request.pin), "pin", (verifier) =>
          plain({ type: "pin", by: name, card: request.card, verifier }),
        )
      case "code":
        return withVerifier(pins.ofMerchant(request.merchant, request.code), "code", (verifier) =>
          plain({ type: "code", by: name, merchant: request.merchant, verifier }),
        )
      default:
        return plain({ ...request, by: name })
    }
  }
}
