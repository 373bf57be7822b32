// Sessions that say nothing, or half of something: each is told why it is closed, and nobody else notices.
import { FrameType } from "@millrace/protocol"
import { afterAll, beforeAll, expect, it } from "vitest"
import { framed, RawConnection } from "./src/RawConnection.ts"
import { batchOf, farewellOf, headerOf, purchaseOf, Stand } from "./src/Stand.ts"
import { sleep } from "./src/within.ts"

let stand: Stand

beforeAll(async () => {
  stand = await Stand.begin({
    MILLRACE_LIMITS_LOGON_SECONDS_MAX: 2,
    MILLRACE_LIMITS_FRAME_SECONDS_MAX: 1,
    MILLRACE_LIMITS_IDLE_SECONDS_MAX: 4,
  })
})
afterAll(() => stand.end())

const hello = { type: "hello", protocol: 1, identity: { host: "dev" }, nonce: new Uint8Array(16) }

it("no logon, half a logon, half a frame, half a header and no traffic are told and closed; an echo keeps", async () => {
  const noLogon = await RawConnection.open(stand.server.port)
  const halfLogon = await RawConnection.open(stand.server.port)
  halfLogon.sendBytes(framed(hello, 1).subarray(0, 20))
  const afterHello = await RawConnection.open(stand.server.port)
  afterHello.sendBytes(framed(hello, 1))
  const [halfFrame, halfHeader, idle, alive] = [
    await stand.open(),
    await stand.open(),
    await stand.open(),
    await stand.open(),
  ]
  halfFrame.sendBytes(batchOf([purchaseOf(1n), purchaseOf(2n)]).subarray(0, 100))
  halfHeader.sendBytes(headerOf(FrameType.batch, 64).subarray(0, 5))
  const codeOf = async (connection: RawConnection) => (await farewellOf(connection))["code"]
  const silent = Promise.all([noLogon, halfLogon, afterHello, halfFrame, halfHeader, idle].map(codeOf))
  // It outlives the idle one, which has been silent as long as it has been there.
  while (!idle.closed) {
    await alive.ask({ type: "echo" })
    await sleep(500)
  }
  const logonTimeout = "logon-timeout"
  expect(await silent).toEqual([
    logonTimeout,
    logonTimeout,
    logonTimeout,
    "bad-frame",
    "bad-frame",
    "idle-timeout",
  ])
  expect(halfFrame.unasked.at(-1)?.["message"]).toMatch(/half a frame/)
  expect(await alive.ask({ type: "echo", data: "still here" })).toMatchObject({ data: "still here" })
  alive.destroy()
  await stand.healthy.goesOn()
})
