// What a process is not given: descriptors and memory.
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { RawConnection } from "../RawConnection.ts"
import { until, within } from "../within.ts"
import { phaseSecondsMax } from "../witness/Witness.ts"
import { boundMemory, lacksMemoryGroups, lacksPrlimit } from "./machine.ts"
import { rolled } from "./storage.ts"
import { type Fault, type Trial, Violated } from "./Trial.ts"

/** 256 are kept for the journal; so many connections are let in. */
const descriptors = { through: ["prlimit", "--nofile=300", "--"] }
const connectionsLetIn = 300 - 256

/** Comes in, and is told to go when there is no room. */
const cameIn = async (port: number, held: Array<RawConnection>): Promise<boolean> => {
  const connection = await RawConnection.open(port)
  held.push(connection)
  const told = () => connection.unasked.length > 0 || connection.closed
  // A session that is let in hears nothing until it says something; an echo before the logon is refused, and closes it.
  await until("room or a refusal", () => told() || connection.socket.readyState === "open")
  await new Promise((resolve) => setTimeout(resolve, 20))
  return !told()
}

const crowd = async (trial: Trial, roll: boolean): Promise<void> => {
  const server = await trial.start(descriptors)
  await trial.checked(server)
  const { ends } = await trial.underLoad(1_000)
  const held: Array<RawConnection> = []
  let turnedAway = 0
  for (let n = 0; n < connectionsLetIn + 20; n++) if (!(await cameIn(server.port, held))) turnedAway++
  if (turnedAway === 0) throw new Violated(`${held.length} connections were let in by 300 descriptors`)
  // With all of them taken the established sessions go on, snapshots are taken, and the journal goes on in new files.
  const snapshots = readdirSync(join(trial.data, "snapshots")).toString()
  await until(
    "a snapshot",
    () => readdirSync(join(trial.data, "snapshots")).toString() !== snapshots,
    phaseSecondsMax,
  )
  if (roll) await rolled(trial)
  await trial.answered(1_000)
  for (const connection of held) connection.destroy()
  await trial.stops(server)
  await ends
  await trial.recovers()
}

export const noDescriptors: Fault = {
  name: "no-descriptors",
  sample: false,
  says: "all descriptors taken by connections: new ones are refused; sessions, snapshots and new segments go on",
  lacks: lacksPrlimit,
  run: (trial) => crowd(trial, true),
}

export const crowded: Fault = {
  name: "crowded",
  sample: true,
  says: "the same without waiting for a new segment",
  lacks: lacksPrlimit,
  run: (trial) => crowd(trial, false),
}

export const noMemoryAtStart: Fault = {
  name: "no-memory-at-start",
  sample: true,
  says: "a start whose tables can't be had: refused with the setting to change",
  lacks: () => (process.platform === "linux" ? lacksPrlimit() : "there is no /proc"),
  run: async (trial: Trial) => {
    const server = await trial.start()
    // What Node reserves of addresses differs from machine to machine; 4 GiB of slots are more than 2.
    const small = /^VmPeak:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]
    await trial.stops(server)
    const data = `${trial.data}-large`
    trial.atEnd(() => rmSync(data, { recursive: true, force: true }))
    await trial.refused(1, /memory.*engine\.rememberedTransactions/is, {
      data,
      through: ["prlimit", `--as=${(Number(small) + 2 * 1_048_576) * 1_024}`, "--"],
      settings: { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: 2 ** 26 },
    })
    await trial.recovers()
  },
}

export const outOfMemory: Fault = {
  name: "out-of-memory",
  sample: false,
  says: "the kernel ends the process because its memory is used up, under full load: what was answered is there",
  lacks: lacksMemoryGroups,
  run: async (trial: Trial) => {
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(3_000)
    const release = boundMemory(server.pid, 24 << 20)
    const { signal, code } = await within("the kernel", server.exited, phaseSecondsMax)
    release()
    if (signal !== "SIGKILL") throw new Violated(`it ended with ${signal ?? code}, not by the kernel`)
    await ends
    await trial.recovers()
  },
}
