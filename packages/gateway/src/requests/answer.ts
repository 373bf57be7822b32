/** What the families of requests share: how an answer looks, and the ways in which it can fail. */
import type { Engine } from "@millrace/engine"
import type { Command, ControlDone, ControlResult } from "@millrace/ledger"
import type { MessageMap } from "@millrace/protocol"
import { Effect } from "effect"
import { type Fault, faults } from "../Session.ts"

export type Answer = Effect.Effect<MessageMap, Fault>

export const refuse = (code: string, message: string): Effect.Effect<never, Fault> =>
  Effect.fail({ code, message })

const isDone = (result: ControlResult): result is ControlDone => result.ok

/** Gives a command to the engine; a refusal becomes an error of the same code. */
export const control = (engine: Engine["Service"], command: Command): Effect.Effect<ControlDone, Fault> =>
  engine.control(command).pipe(
    Effect.mapError((restarting): Fault => ({ code: "busy", message: restarting.message })),
    Effect.filterOrFail(
      isDone,
      (result): Fault =>
        // Only a refusal gets here, which the type does not say.
        result.ok ? faults.defect : { code: result.code, message: result.message },
    ),
  )
