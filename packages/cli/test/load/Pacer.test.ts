// What was sent late is told, and only of the time that the figures are of.
import { describe, expect, it } from "vitest"
import { Pacer } from "../../src/load/Pacer.ts"
import type { Peer } from "../../src/load/Peer.ts"
import type { Traffic } from "../../src/load/Traffic.ts"

describe("the open loop's lateness", () => {
  it("is not that of the warm-up", () => {
    let sent = 0
    // All that the pacer asks of a peer; a real one would need a server to be open.
    const peer = { slots: { free: 1 }, open: true, sendOne: () => sent++ } as unknown as Peer
    const pacer = new Pacer([peer], {} as Traffic, 10)
    // A second behind: all that was due in it goes at once, and late.
    pacer.start(performance.now() - 1_000, 2)
    expect(sent).toBeGreaterThan(9)
    expect(pacer.lateShare).toBeGreaterThan(0.9)
    pacer.countFromHere()
    expect(pacer.lateShare).toBe(0)
    pacer.stop()
  })
})
