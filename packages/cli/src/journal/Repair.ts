// `millrace journal repair`: finds the damage, says what would be lost, proves what would stay, asks, and keeps the original.
import { createInterface } from "node:readline"
import {
  applyRepair,
  type KeyRingShape,
  mended,
  planRepair,
  type RepairPlan,
  type StorageShape,
  selected,
  surveyDirectory,
  writeManifest,
} from "@millrace/journal"
import { DateTime, Effect } from "effect"
import { windowOf } from "../backup/Reach.ts"
import { counted, grouped } from "../load/Report.ts"
import { complain, print, say } from "../Output.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { refuseLostJournal } from "../serve/Begun.ts"
import { type Lost, lostLines, readLost } from "./Lost.ts"
import { type FoundManifest, findManifest } from "./Manifest.ts"
import { explained, fixedOf, openKeys, openRooms, refuseNoDirectory, storageOf } from "./Open.ts"
import { keepOriginal } from "./Original.ts"
import { Progress } from "./Progress.ts"
import { type Sound, verifyWhole } from "./Sound.ts"
import { soundLines } from "./Verify.ts"

export interface RepairCommand {
  readonly dir: string
  readonly yes: boolean
  readonly fromSequence: number | undefined
  /** A new file for what is lost and can be read. */
  readonly lost: string | undefined
  readonly json: boolean
}

export const repair = Effect.fnUntraced(
  function* (command: RepairCommand) {
    if (command.yes !== (command.fromSequence !== undefined)) {
      return yield* stop(
        "--yes and --from-sequence N go together, with the N that a run without them prints",
        ExitCode.usage,
      )
    }
    yield* refuseNoDirectory(command.dir)
    yield* refuseLostJournal(command.dir)
    const storage = yield* storageOf(command.dir)
    yield* storage.lock("lock")
    const keys = yield* openKeys(storage).pipe(Effect.catchTag("JournalDamaged", keyringLost))
    const found = yield* findManifest(storage, keys)
    const fixed = fixedOf(found.manifest)
    const planned = planRepair(yield* surveyDirectory(storage, keys), windowOf(fixed))
    if (planned.kind === "impossible") {
      for (const { file, at, reason } of planned.damages) complain(`${file} at byte ${at}: ${reason}`)
      return yield* stop(
        `this can't be repaired: ${planned.reason}. Nothing was changed. Restore the directory from a backup`,
      )
    }
    if (planned.kind === "sound" && found.damage === undefined) {
      // It was agreed to when it began, and nothing is left to take away.
      if (found.isAside) yield* applyRepair(storage, keys, undefined)
      tellSound(command, found.isAside)
      return
    }
    const plan = planned.kind === "plan" ? planned.plan : undefined
    const progress = new Progress()
    const sound = yield* prove(storage, keys, plan, fixed, progress)
    const lost = plan === undefined ? undefined : yield* readLost(storage, plan, command.lost)
    const repair: Repair = { command, found, plan, lost, sound, next: sound.last + 1 }
    tell(repair)
    yield* confirm(repair)
    const kept = yield* keepOriginal(command.dir, DateTime.toEpochMillis(yield* DateTime.now))
    if (found.damage !== undefined) yield* writeManifest(storage, found.manifest)
    if (plan !== undefined) yield* applyRepair(storage, keys, plan)
    if (command.json) print(JSON.stringify({ ...jsonOf(repair), repaired: true, original: kept }))
    else {
      print(`repaired   the journal goes on with sequence ${grouped(repair.next)}`)
      print(`original   kept whole as ${kept}: remove it when nobody needs it any more`)
    }
  },
  explained,
  Effect.scoped,
)

interface Repair {
  readonly command: RepairCommand
  readonly found: FoundManifest
  readonly plan: RepairPlan | undefined
  readonly lost: Lost | undefined
  readonly sound: Sound
  /** The sequence that the repaired journal goes on with. */
  readonly next: number
}

const keyringLost = (error: { readonly reason: string }) =>
  stop(
    `keyring.json is damaged (${error.reason}): without it no block can be read, and nothing can be repaired. ` +
      "Nothing was changed. Copy keyring.json from a backup of this directory and run this again",
  )

/** What would stay is decided again from its beginning before anybody is asked. */
const prove = Effect.fnUntraced(
  function* (
    storage: StorageShape,
    keys: KeyRingShape,
    plan: RepairPlan | undefined,
    fixed: ReturnType<typeof fixedOf>,
    progress: Progress,
  ) {
    const left = plan === undefined ? storage : selected(mended(storage, plan.paddings), plan.kept)
    const rooms = yield* openRooms(left, keys, "all")
    return yield* verifyWhole({ ...rooms, fixed }, progress)
  },
  Effect.scoped,
  explained,
)

const tellSound = ({ dir, json }: RepairCommand, wasUnfinished: boolean): void => {
  if (json) print(JSON.stringify({ damages: [], repaired: wasUnfinished }))
  else {
    if (wasUnfinished) print("repaired   a repair that was cut short is finished")
    print("sound      every block and every snapshot is authentic: there is nothing to repair")
    say(`\`millrace journal verify ${dir}\` also makes every decision again`)
  }
}

const damagesOf = ({ found, plan }: Repair) => [
  ...(found.damage === undefined ? [] : [{ file: "manifest.json", at: 0, reason: found.damage }]),
  ...(plan?.damages ?? []),
]

const mendedIn = (plan: RepairPlan | undefined): ReadonlyArray<string> =>
  [...(plan?.paddings.keys() ?? [])].filter((name) => plan?.kept.segments.has(name))

const jsonOf = (repair: Repair) => ({
  damages: damagesOf(repair),
  fromSequence: repair.next,
  base: repair.sound.base,
  mends: mendedIn(repair.plan),
  cuts: Object.fromEntries(repair.plan?.cuts ?? []),
  droppedSegments: repair.plan?.droppedSegments ?? [],
  droppedSnapshots: repair.plan?.droppedSnapshots ?? [],
  lostHistory: repair.plan?.lostHistory ?? null,
  lost: repair.lost ?? null,
})

const tell = (repair: Repair): void => {
  if (repair.command.json) return
  const { plan, lost, sound } = repair
  for (const { file, at, reason } of damagesOf(repair))
    print(`damage     ${file} at byte ${grouped(at)}: ${reason}`)
  for (const name of mendedIn(plan)) print(`would mend journal/${name}: its padding as it was written`)
  for (const [name, bytes] of plan?.cuts ?? []) {
    print(`would cut  journal/${name} after byte ${grouped(bytes)}`)
  }
  if ((plan?.droppedSegments.length ?? 0) > 0) {
    print(
      `would drop ${counted(plan?.droppedSegments.length ?? 0, "segment")}: ${plan?.droppedSegments.join(", ")}`,
    )
  }
  for (const position of plan?.droppedSnapshots ?? []) {
    const isAhead = position > sound.last
    const why = isAhead ? "it holds what is lost" : "it is damaged, or what it needs is"
    print(`would drop the snapshot at ${grouped(position)}: ${why}`)
  }
  if (repair.found.damage !== undefined) {
    print(
      "would make manifest.json anew, from what the newest snapshot says; when the directory was made is lost",
    )
  }
  if (plan?.lostHistory !== undefined) {
    const { first, last } = plan.lostHistory
    print(
      `history    sequences ${grouped(first)} to ${grouped(last)} can't be looked up any more; every balance stays as it is`,
    )
  }
  if (lost === undefined) print("lost       nothing: every decision that was made stays")
  else {
    for (const line of lostLines(lost)) print(line)
    print(
      "unusable   what comes after the damage can't be kept: it was decided on balances that the missing part had moved",
    )
  }
  print(`would stay sequences ${grouped(sound.first)} to ${grouped(sound.last)}, decided again just now:`)
  for (const line of soundLines(sound)) print(line)
}

/** A person types the sequence that is shown, a script must have got it from a run before: neither says yes unseen. */
const confirm = (repair: Repair): Effect.Effect<void, Stop> =>
  Effect.suspend(() => {
    const { command, next } = repair
    if (command.fromSequence !== undefined) {
      return command.fromSequence === next
        ? Effect.void
        : stop(
            `--from-sequence ${command.fromSequence}: this repair goes on with ${next}. Nothing was changed. Look at it once more`,
          )
    }
    if (command.json || process.stdin.isTTY !== true) {
      if (command.json) print(JSON.stringify({ ...jsonOf(repair), repaired: false }))
      return stop(
        `nothing was changed. To repair: millrace journal repair ${command.dir} --yes --from-sequence ${next}`,
      )
    }
    return Effect.flatMap(typed(`Type ${next} to repair, anything else to leave it as it is: `), (text) =>
      text === String(next) ? Effect.void : stop("nothing was changed"),
    )
  })

const typed = (prompt: string): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    lines.question(prompt, (line) => {
      resume(Effect.succeed(line.trim()))
      lines.close()
    })
    lines.once("close", () => resume(Effect.succeed("")))
    return Effect.sync(() => lines.close())
  })
