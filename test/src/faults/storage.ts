// What disks and file systems do to a process.
import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../within.ts"
import { phaseSecondsMax } from "../witness/Witness.ts"
import { isRoot, lacksMount, lacksPrlimit, mountTmpfs, nobody, run, unmount } from "./machine.ts"
import type { Fault, Trial } from "./Trial.ts"

const nothing = () => undefined
/** What the runbook promises of every failure of the storage. */
const halted = /the journal could not be written.*Mend the storage and start again/s
const segmentMebibytes = 16

/** Everything that is free but `mebibytes`. */
const fill = (file: string, directory: string, mebibytes: number): void => {
  const { bavail, bsize } = statfsSync(directory)
  writeFileSync(file, Buffer.alloc(Math.max(0, Number(bavail) * Number(bsize) - (mebibytes << 20))))
}

export const full: Fault = {
  name: "full",
  sample: false,
  says: "a file system that fills up under full load: exit 74; space given back, it starts again",
  lacks: lacksMount,
  run: async (trial: Trial) => {
    mountTmpfs(trial.data, 128)
    trial.atEnd(() => unmount(trial.data))
    const ballast = join(trial.data, "ballast")
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(1_000)
    // Room for what is written into the segments that are ready, and for no other.
    fill(ballast, trial.data, 4)
    await trial.ends(server, 74, halted)
    await ends
    rmSync(ballast)
    await trial.recovers()
  },
}

export const fullAtStart: Fault = {
  name: "full-at-start",
  sample: false,
  says: "a start on a full file system: refused with the reason, nothing lost; space given back, it starts",
  lacks: lacksMount,
  run: async (trial: Trial) => {
    mountTmpfs(trial.data, 96)
    trial.atEnd(() => unmount(trial.data))
    const ballast = join(trial.data, "ballast")
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(1_000)
    await server.killed()
    await ends
    fill(ballast, trial.data, 0)
    await trial.refused(1, /ENOSPC/)
    rmSync(ballast)
    await trial.recovers()
  },
}

/** What EXT4_IOC_SHUTDOWN does without flushing: the file system is as after a power cut, and every write fails. */
const powerCut = `
import fcntl, os, struct, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(descriptor, 0x8004587D, struct.pack("I", 2))
`

const lacksLoop = (): string | undefined => {
  const missing = lacksMount()
  if (missing !== undefined) return missing
  for (const command of ["losetup", "mkfs.ext4", "python3"]) {
    const { error } = spawnSync(command, ["--version"], { stdio: "ignore" })
    if (error !== undefined) return `there is no ${command}`
  }
  return undefined
}

export const powerLost: Fault = {
  name: "power-lost",
  sample: false,
  says: "the disk goes away under full load without writing what was not synced: exit 74; mounted again, it starts",
  lacks: lacksLoop,
  run: async (trial: Trial) => {
    const image = `${trial.data}.image`
    trial.atEnd(() => rmSync(image, { force: true }))
    writeFileSync(image, "")
    run("truncate", "-s", "256M", image)
    run("mkfs.ext4", "-q", image)
    const mount = () => run("mount", "-o", "loop", image, trial.data)
    mount()
    trial.atEnd(() => unmount(trial.data))
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(5_000)
    run("python3", "-c", powerCut, trial.data)
    await trial.ends(server, 74, halted)
    await ends
    unmount(trial.data)
    mount()
    await trial.recovers()
  },
}

/** Root is not held back by permissions, so the program runs as another user. */
const asOwner = (trial: Trial) => {
  if (!isRoot) return {}
  chownSync(trial.data, nobody, nobody)
  return { uid: nobody }
}

const setWritable = (trial: Trial, writable: boolean): void => {
  for (const name of ["", "journal", "snapshots"]) chmodSync(join(trial.data, name), writable ? 0o700 : 0o500)
}

export const readOnlyAtStart: Fault = {
  name: "read-only-at-start",
  sample: true,
  says: "a start on a data directory that can't be written: refused with the reason; writable again, it starts",
  lacks: nothing,
  run: async (trial: Trial) => {
    const as = asOwner(trial)
    const server = await trial.start(as)
    await trial.checked(server)
    const { ends } = await trial.underLoad(1_000)
    await server.killed()
    await ends
    setWritable(trial, false)
    await trial.refused(1, /EACCES|permission|written/i, as)
    setWritable(trial, true)
    await trial.recovers(as)
  },
}

export const readOnly: Fault = {
  name: "read-only",
  sample: false,
  says: "a data directory that turns read-only under full load: exit 74 at the next segment; writable again, it starts",
  lacks: nothing,
  run: async (trial: Trial) => {
    const as = asOwner(trial)
    const server = await trial.start(as)
    await trial.checked(server)
    const { ends } = await trial.underLoad(1_000)
    setWritable(trial, false)
    await trial.ends(server, 74, halted)
    await ends
    setWritable(trial, true)
    await trial.recovers(as)
  },
}

export const fileSize: Fault = {
  name: "file-size",
  sample: true,
  says: "no file may grow any more (RLIMIT_FSIZE), under full load: exit 74; the limit gone, it starts again",
  lacks: lacksPrlimit,
  run: async (trial: Trial) => {
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(1_000)
    run("prlimit", `--pid=${server.pid}`, "--fsize=4096")
    await trial.ends(server, 74, halted)
    await ends
    await trial.recovers()
  },
}

export const segmentsIn = (data: string): ReadonlyArray<string> =>
  readdirSync(join(data, "journal")).toSorted()

/** Until the journal goes on in a segment that was not there before. */
export const rolled = async (trial: Trial): Promise<void> => {
  const before = segmentsIn(trial.data).at(-1) ?? ""
  await until(
    `a new segment of ${segmentMebibytes} MiB`,
    () => (segmentsIn(trial.data).at(-1) ?? "") > before,
    phaseSecondsMax,
  )
}
