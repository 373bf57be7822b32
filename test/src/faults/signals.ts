// What an operator, a scheduler or a supervisor does to a process.
import { sleep, within } from "../within.ts"
import { phaseSecondsMax } from "../witness/Witness.ts"
import { type Fault, type Trial, Violated } from "./Trial.ts"

const nothing = () => undefined

/** Shorter than the stop, so that the engine finds everybody late when it goes on. */
const impatience = {
  MILLRACE_LIMITS_LOGON_SECONDS_MAX: 1,
  MILLRACE_LIMITS_FRAME_SECONDS_MAX: 1,
  MILLRACE_LIMITS_IDLE_SECONDS_MAX: 2,
}

export const killed: Fault = {
  name: "killed",
  sample: false,
  says: "SIGKILL under full load",
  lacks: nothing,
  run: async (trial: Trial) => {
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(5_000)
    await server.killed()
    await ends
    await trial.recovers()
  },
}

export const terminated: Fault = {
  name: "terminated",
  sample: true,
  says: "SIGTERM under full load: what was taken is answered, exit 0",
  lacks: nothing,
  run: async (trial: Trial) => {
    const server = await trial.start()
    await trial.checked(server)
    const { ends } = await trial.underLoad(5_000)
    await trial.stops(server)
    await ends
    await trial.recovers()
  },
}

export const stopped: Fault = {
  name: "stopped",
  sample: true,
  says: "SIGSTOP until the terminals give up and send again on new connections, then SIGCONT: both copies arrive",
  lacks: nothing,
  run: async (trial: Trial) => {
    const server = await trial.start()
    const connections = await trial.checked(server)
    const { ends } = await trial.underLoad(3_000)
    server.kill("SIGSTOP")
    await sleep(1_500)
    // What the stopped process has not read of them, it reads when it goes on.
    for (const connection of connections) connection.leave()
    await ends
    setTimeout(() => server.kill("SIGCONT"), 500)
    await trial.checked(server)
    for (const connection of connections) connection.destroy()
    const next = await trial.underLoad(1_000)
    await trial.stops(server)
    await next.ends
    await trial.recovers()
  },
}

export const held: Fault = {
  name: "held",
  sample: false,
  says: "SIGSTOP for longer than the engine's own limits on silence, then SIGCONT: the sessions go on",
  lacks: nothing,
  run: async (trial: Trial) => {
    const server = await trial.start({ settings: impatience })
    await trial.checked(server)
    const { ends } = await trial.underLoad(3_000)
    server.kill("SIGSTOP")
    await sleep(3_500)
    server.kill("SIGCONT")
    let over = false
    void ends.then(() => {
      over = true
    })
    await trial.answered(3_000)
    if (over) throw new Violated("the connections were closed though they waited for answers only")
    await server.killed()
    await within("the end of the load", ends, phaseSecondsMax)
    await trial.recovers()
  },
}
