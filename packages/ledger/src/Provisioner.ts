// Control commands carried out: judged against scheme and shards and resolved first, then applied as a whole.
import type { Command, ResolvedCommand } from "./Command.ts"
import { normal } from "./commands/shapes.ts"
import {
  addTerminals,
  changeTerminal,
  putHost,
  resolveHost,
  resolveTerminal,
  resolveTerminals,
} from "./provision/acquiring.ts"
import { addCards, issueCards, resolveCards, resolveIssue, takeSerials } from "./provision/cards.ts"
import { fundCard, putPin, resolveFund, resolvePin } from "./provision/funds.ts"
import { noteLifecycle, resolveLifecycle, stepCard } from "./provision/lifecycle.ts"
import {
  payFloat,
  putCode,
  putFloat,
  resolveCode,
  resolveFloat,
  resolveMerchant,
} from "./provision/merchants.ts"
import { putProduct, resolveProduct } from "./provision/products.ts"
import { type Resolution, resolved, type ShardOf, World } from "./provision/World.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"

export type {
  ControlDone,
  ControlRefusal,
  ControlRefusalCode,
  ControlResult,
  Resolution,
  Resolved,
} from "./provision/World.ts"

/** A refused command changes nothing; what is not refused can be applied to the end. */
export class Provisioner {
  readonly #scheme: Scheme
  readonly #shards: () => ReadonlyArray<Shard>

  constructor(scheme: Scheme, shards: () => ReadonlyArray<Shard>) {
    this.#scheme = scheme
    this.#shards = shards
  }

  /**
   * Judges a command in which `commandProblem` finds nothing, and fills in what it takes from day, products and cards.
   * The same moment gives the same command for a resolved one, too.
   */
  resolve(time: number, command: Command | ResolvedCommand): Resolution {
    return resolutionOf(new World(this.#scheme, this.#shards(), time), normal(command))
  }

  /** Carries out a command that was resolved at the same moment: the lane's part, then that of every shard. */
  apply(time: number, command: ResolvedCommand): void {
    const shards = this.#shards()
    const { currencies, count } = this.#scheme.merchants
    // Room for one currency and one merchant more, before anything is changed: memory may not be given.
    for (const shard of shards) shard.accounts.reserve(currencies.length + 1, count + 1)
    applyToScheme(this.#scheme, time, command)
    applyToShards((hash) => shards[hash & (shards.length - 1)], command, this.#scheme)
  }
}

const resolutionOf = (world: World, command: Command): Resolution => {
  switch (command.type) {
    case "merchant":
      return resolveMerchant(world, command)
    case "float":
      return resolveFloat(world, command)
    case "code":
      return resolveCode(world, command)
    case "terminals":
      return resolveTerminals(world, command)
    case "terminal":
      return resolveTerminal(world, command)
    case "product":
      return resolveProduct(world, command)
    case "cards":
      return resolveCards(world, command)
    case "issue":
      return resolveIssue(world, command)
    case "lifecycle":
      return resolveLifecycle(world, command)
    case "fund":
      return resolveFund(world, command)
    case "pin":
      return resolvePin(world, command)
    case "calendar":
      return resolved(command, 0, 1)
    case "host":
      return resolveHost(world, command)
  }
}

/** What the lane has for itself. Of the shards nothing is read. */
const applyToScheme = (scheme: Scheme, time: number, command: ResolvedCommand): void => {
  switch (command.type) {
    case "merchant":
      scheme.merchants.put(command, scheme.plans, time)
      break
    case "float":
      putFloat(scheme, command)
      break
    case "code":
      putCode(scheme, command)
      break
    case "terminals":
      addTerminals(scheme, time, command)
      break
    case "terminal":
      changeTerminal(scheme, command)
      break
    case "product":
      putProduct(scheme, command)
      break
    case "cards":
      scheme.merchants.addCurrency(command.currency)
      break
    case "issue":
      takeSerials(scheme, command)
      break
    case "lifecycle":
      noteLifecycle(scheme, command)
      break
    case "calendar":
      scheme.calendar.utcOffsetMinutes = command.utcOffsetMinutes
      break
    case "host":
      putHost(scheme, command)
  }
}

/** What cards and accounts are changed. Of the scheme only what never changes is read: numbers, bins, currencies, terms. */
const applyToShards = (shardOf: ShardOf, command: ResolvedCommand, scheme: Scheme): void => {
  switch (command.type) {
    case "float":
      payFloat(shardOf, command, scheme)
      break
    case "cards":
      addCards(shardOf, command, scheme)
      break
    case "issue":
      issueCards(shardOf, command, scheme)
      break
    case "lifecycle":
      stepCard(shardOf, command, scheme)
      break
    case "fund":
      fundCard(shardOf, command, scheme)
      break
    case "pin":
      putPin(shardOf, command)
  }
}

/**
 * The part of a journaled command that concerns one shard that is rebuilt, beside a scheme that may have moved on.
 * @param _time of the command's block; what depends on it was resolved
 */
export const applyToShard = (shard: Shard, _time: number, command: ResolvedCommand, scheme: Scheme): void => {
  const mine: ShardOf = (hash) => ((hash & (shard.shards - 1)) === shard.number ? shard : undefined)
  applyToShards(mine, command, scheme)
}
