import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { type LoadRequest, parseTarget, planLoad } from "../../src/load/Plan.ts"

const request: LoadRequest = {
  url: "tcp://127.0.0.1:7100",
  mode: "batch",
  connections: undefined,
  inFlight: undefined,
  batch: undefined,
  rate: undefined,
  duration: 10,
  warmUp: 0,
  cards: 1_000,
  mix: "purchase=1",
  seed: 1,
}

describe("parseTarget", () => {
  it.each([
    ["tcp://127.0.0.1:7100", { scheme: "tcp", host: "127.0.0.1", port: 7100 }],
    ["tls://db.example", { scheme: "tls", host: "db.example", port: 7100 }],
    ["tcp://[::1]:99/", { scheme: "tcp", host: "::1", port: 99 }],
    ["ws://127.0.0.1", { scheme: "ws", host: "127.0.0.1", port: 7101 }],
    ["wss://h:8443/", { scheme: "wss", host: "h", port: 8443 }],
  ])("reads %s", (url, target) => {
    expect(parseTarget(url)).toEqual(Result.succeed(target))
  })

  it.each([
    ["127.0.0.1:7100", '"127.0.0.1:7100" is not tcp://HOST:PORT, tls://…, ws://… or wss://…'],
    ["tcp://h:70000", '"tcp://h:70000" is not tcp://HOST:PORT, tls://…, ws://… or wss://…'],
  ])("refuses %s", (url, message) => {
    expect(parseTarget(url)).toEqual(Result.fail(message))
  })
})

describe("planLoad", () => {
  it("has defaults for each mode", () => {
    expect(Result.getOrThrow(planLoad(request))).toMatchObject({ connections: 8, inFlight: 8, batch: 512 })
    expect(Result.getOrThrow(planLoad({ ...request, mode: "terminals" }))).toMatchObject({
      connections: 64,
      inFlight: 1,
      batch: 1,
    })
  })

  it.each<[Partial<LoadRequest>, RegExp]>([
    [{ connections: 0 }, /^--connections must be a whole number from 1 to 16384, not 0$/],
    [{ batch: 5_000 }, /^--batch must be .* 4096, not 5000$/],
    [{ cards: 1.5 }, /^--cards must be/],
    [{ rate: 0 }, /^--rate must be more than 0/],
    [{ duration: 0 }, /^--duration must be more than 0/],
    [{ mode: "terminals", batch: 2 }, /^--batch belongs to --mode batch/],
    [{ inFlight: 128, batch: 4_096 }, /262,144 records/],
    [{ mix: "x=1" }, /^--mix: "x" is not one of/],
  ])("refuses %o", (change, message) => {
    const plan = planLoad({ ...request, ...change })
    expect(Result.isFailure(plan) ? plan.failure : "a plan").toMatch(message)
  })
})
