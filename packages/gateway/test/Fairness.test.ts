/** Who has one key, or one address, can't take what is everybody's. */
import { expect, it, vi } from "vitest"
import { hostWith, Line, start as startIso } from "./iso/lab.ts"
import { start, Wire } from "./wire.ts"

const terminal = { terminal: 1001 } as const
const host = { host: "acquirer" } as const
const sessionsOfOneTerminal = 8

it("a terminal's key opens a few sessions at a time, and none of anybody else's", async () => {
  const house = await start()
  const logOn = (identity: typeof terminal | typeof host) => {
    const wire = new Wire(house.gateway.tcp.port)
    return { wire, answer: wire.logOn(identity, house.key(identity)) }
  }
  const open = Array.from({ length: sessionsOfOneTerminal }, () => logOn(terminal))
  for (const { answer } of open) expect(await answer).toMatchObject({ type: "welcome" })
  expect(await logOn(terminal).answer).toMatchObject({ type: "error", code: "too-many-sessions" })
  expect(await logOn(host).answer).toMatchObject({ type: "welcome" })
  open[0]?.wire.close()
  await vi.waitFor(async () => expect(await logOn(terminal).answer).toMatchObject({ type: "welcome" }))
  await house.stop()
})

it("silent connections from one address leave room among a host's sessions", async () => {
  const house = await startIso([hostWith()], { sessionsMax: 64 })
  const silent = Array.from({ length: 32 }, () => new Line(house))
  await vi.waitFor(() => expect(house.iso.sessions()).toBe(32))
  const refused = new Line(house)
  await vi.waitFor(() => expect(refused.closed).toBe(true))
  expect(house.iso.tally.faults.get("too-many-sessions")).toBe(1)
  // Once some have shown who they are or gone, others may come.
  silent[0]?.socket.destroy()
  await vi.waitFor(() => expect(house.iso.sessions()).toBe(31))
  const line = new Line(house)
  await line.logOn()
  expect(line.closed).toBe(false)
  await house.stop()
})
