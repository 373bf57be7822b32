// Terminals added and changed, hosts put.
import type { HostCommand, TerminalCommand, TerminalsCommand } from "../Command.ts"
import { HOSTS_MAX, KEY_VERSION_MAX, TERMINALS_MAX } from "../limits.ts"
import type { Scheme } from "../Scheme.ts"
import { type Resolution, refusal, resolved, type World } from "./World.ts"

export const resolveTerminals = ({ scheme }: World, command: TerminalsCommand): Resolution => {
  const { terminals, merchants } = scheme
  const merchant = merchants.slotOf(command.merchant)
  if (merchant < 0) return refusal("not-found", `merchant ${command.merchant} is not known`)
  let existing = 0
  for (let number = command.first; number < command.first + command.count; number++) {
    const slot = terminals.find(number)
    if (slot < 0) continue
    if (terminals.merchantOf(slot) !== merchant) {
      const owner = merchants.at(terminals.merchantOf(slot)).number
      return refusal("conflict", `terminal ${number} belongs to merchant ${owner}`)
    }
    existing++
  }
  const created = command.count - existing
  return terminals.size + created > TERMINALS_MAX
    ? refusal("full", `there may be ${TERMINALS_MAX} terminals`)
    : resolved(command, created, existing)
}

export const addTerminals = (
  { terminals, merchants }: Scheme,
  time: number,
  command: TerminalsCommand,
): void => {
  const merchant = merchants.slotOf(command.merchant)
  for (let number = command.first; number < command.first + command.count; number++) {
    if (terminals.find(number) < 0) terminals.add(number, merchant, time)
  }
}

export const resolveTerminal = ({ scheme }: World, command: TerminalCommand): Resolution => {
  const { terminals } = scheme
  const slot = terminals.find(command.number)
  if (slot < 0) return refusal("not-found", `terminal ${command.number} is not known`)
  return command.rotateKey === true && terminals.keyVersion(slot) === KEY_VERSION_MAX
    ? refusal("full", `terminal ${command.number} has had all ${KEY_VERSION_MAX} key versions`)
    : resolved(command, 0, 1)
}

export const changeTerminal = ({ terminals }: Scheme, command: TerminalCommand): void => {
  terminals.change(terminals.find(command.number), command)
}

export const resolveHost = ({ scheme: { hosts } }: World, command: HostCommand): Resolution => {
  const host = hosts.get(command.id)
  if (host !== undefined && command.rotateKey === true && host.keyVersion === KEY_VERSION_MAX)
    return refusal("full", `host ${command.id} has had all ${KEY_VERSION_MAX} key versions`)
  if (host !== undefined) return resolved(command, 0, 1)
  return hosts.size === HOSTS_MAX ? refusal("full", `there are ${HOSTS_MAX} hosts`) : resolved(command, 1, 0)
}

export const putHost = ({ hosts }: Scheme, command: HostCommand): void => {
  const { id, terminals, permissions, rotateKey } = command
  const before = hosts.get(id)?.keyVersion
  const keyVersion = before === undefined ? 1 : rotateKey === true ? before + 1 : before
  hosts.set(id, { id, terminals, permissions, keyVersion })
}
