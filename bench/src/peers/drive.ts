// A closed loop over one peer's channels: as many debits as are answered, for some seconds.
import { Histogram } from "@millrace/cli"
import { type Debit, drawDebit, TERMINAL_FIRST } from "./Debit.ts"
import type { DebitChannel, Form, RunningPeer } from "./Peer.ts"

export interface Driven {
  readonly perSecond: number
  readonly answered: number
  readonly approved: number
  /** What all approved debits come to, minor units. */
  readonly amount: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** What the client took of one core, 0 … 2: when it is at 1, the client is the limit. */
  readonly clientCores: number
}

export const drive = async (peer: RunningPeer, form: Form, seconds: number): Promise<Driven> => {
  const channels: Array<DebitChannel> = []
  for (let n = 0; n < form.connections; n++) channels.push(await peer.open(form.batch))
  const latency = new Histogram()
  let answered = 0
  let approved = 0
  let amount = 0
  let outstanding = 0
  const cpu = process.cpuUsage()
  const began = performance.now()
  const until = began + seconds * 1_000
  await new Promise<void>((resolve) => {
    const send = (channel: DebitChannel, terminal: number): void => {
      const debits: Array<Debit> = []
      for (let n = 0; n < form.batch; n++) debits.push(drawDebit(terminal))
      const sent = performance.now()
      outstanding++
      channel.send(debits, (answers) => {
        const now = performance.now()
        outstanding--
        latency.record((now - sent) * 1_000, answers.length)
        answered += answers.length
        for (let n = 0; n < answers.length; n++) {
          if (answers[n] < 0) continue
          approved++
          amount += debits[n].amount
        }
        if (now < until) send(channel, terminal)
        else if (outstanding === 0) resolve()
      })
    }
    channels.forEach((channel, n) => {
      for (let slot = 0; slot < form.inFlight; slot++) send(channel, TERMINAL_FIRST + n)
    })
  })
  const wallMs = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  for (const channel of channels) channel.close()
  return {
    perSecond: (answered * 1_000) / wallMs,
    answered,
    approved,
    amount,
    p50Ms: latency.percentile(0.5) / 1_000,
    p99Ms: latency.percentile(0.99) / 1_000,
    clientCores: (user + system) / 1_000 / wallMs,
  }
}
