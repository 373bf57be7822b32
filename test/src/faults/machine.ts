// What this machine lets a test do.
import { spawnSync } from "node:child_process"
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export const isRoot = process.getuid?.() === 0
/** The user `nobody`: whom file permissions hold back, as they do not root. */
export const nobody = 65_534

export const run = (command: string, ...parameters: ReadonlyArray<string>): void => {
  const { status, stderr, error } = spawnSync(command, parameters, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${parameters.join(" ")}: ${error?.message ?? stderr}`)
}

const has = (command: string, ...parameters: ReadonlyArray<string>): boolean =>
  spawnSync(command, parameters, { stdio: "ignore" }).status === 0

export const lacksPrlimit = (): string | undefined =>
  has("prlimit", "--version") ? undefined : "there is no prlimit (util-linux)"

/** A file system of its own in memory, as small as it is said. Root only. */
export const mountTmpfs = (directory: string, mebibytes: number): void =>
  run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", directory)

export const unmount = (directory: string): void => run("umount", directory)

let mounts: boolean | undefined

/** Root in a container may not mount: it is tried. */
export const lacksMount = (): string | undefined => {
  mounts ??= isRoot && triesMount()
  return mounts ? undefined : "this user may not mount a file system"
}

const triesMount = (): boolean => {
  const directory = `/tmp/millrace-mount-${process.pid}`
  mkdirSync(directory)
  try {
    mountTmpfs(directory, 1)
    unmount(directory)
    return true
  } catch {
    return false
  } finally {
    rmdirSync(directory)
  }
}

const cgroups = "/sys/fs/cgroup/memory"

/** Bounds the memory of a process from now on, by a control group of its own (version 1). Gives what takes it away. */
export const boundMemory = (pid: number, bytes: number): (() => void) => {
  const group = join(cgroups, `millrace-test-${pid}`)
  mkdirSync(group)
  writeFileSync(join(group, "memory.limit_in_bytes"), String(bytes))
  writeFileSync(join(group, "cgroup.procs"), String(pid))
  return () => rmdirSync(group)
}

export const lacksMemoryGroups = (): string | undefined => {
  const group = join(cgroups, `millrace-try-${process.pid}`)
  try {
    mkdirSync(group)
    writeFileSync(join(group, "memory.limit_in_bytes"), String(1 << 30))
    return undefined
  } catch {
    return "control groups for memory (version 1) can't be made here"
  } finally {
    spawnSync("rmdir", [group], { stdio: "ignore" })
  }
}
