// `millrace journal verify`: every block and snapshot read, every decision made again, money counted after every block.
import { Effect } from "effect"
import { counted, grouped } from "../load/Report.ts"
import { print } from "../Output.ts"
import { openToLook } from "./Open.ts"
import { Progress } from "./Progress.ts"
import { type Sound, verifyWhole } from "./Sound.ts"

export interface VerifyCommand {
  readonly dir: string
  readonly json: boolean
}

export const verify = Effect.fnUntraced(function* (command: VerifyCommand) {
  const progress = new Progress()
  let read = 0
  // Opening it so checks every block's tag and its link to the block before.
  const opened = yield* openToLook(command.dir, "all", (bytes) => {
    read += bytes
    progress.count("authenticating: read", read)
  }).pipe(Effect.ensuring(Effect.sync(() => progress.end())))
  const found = yield* opened.journal.stat
  const sound = yield* verifyWhole(opened, progress)
  if (command.json) {
    print(JSON.stringify({ ...sound, segments: found.segments.length, bytes: found.bytes, sound: true }))
    return
  }
  print(
    `journal    ${counted(found.segments.length, "segment")}, ${grouped(found.bytes)} bytes: every block is authentic and in order`,
  )
  if (found.cut !== undefined) {
    print(
      "journal    its last write was cut, or is being made just now: a start cuts it off, no answer went out for it",
    )
  }
  for (const line of soundLines(sound)) print(line)
}, Effect.scoped)

/** What a walk found, for people. */
export const soundLines = (sound: Sound): ReadonlyArray<string> => {
  const since = sound.base === 0 ? "the beginning" : `the snapshot at ${grouped(sound.base)}`
  return [
    ...sound.snapshots.map(
      ({ position, parts, bytes, compared }) =>
        `snapshot   at ${grouped(position)}: ${counted(parts, "part")}, ${grouped(bytes)} bytes, ${comparisons[compared]}`,
    ),
    `replay     ${counted(sound.slots, "slot")} in ${counted(sound.blocks, "block")} from ${since}: every decision came out the same`,
    "money      all accounts of every shard add up to 0 after every block; the cards' purses add up to their account",
    `sound      up to sequence ${grouped(sound.last)}`,
  ]
}

const comparisons = {
  bytes: "byte for byte the state that the journal leads to",
  accounts: "of an older layout; its accounts and purses are those that the journal leads to",
  base: "readable; the journal begins from it",
} as const
