import { connect, type Socket } from "node:net"
import { Effect, Exit, Scope } from "effect"
import { Registry } from "prom-client"
import { afterAll, beforeAll, expect, it } from "vitest"
import { serveHttp } from "../../src/serve/Http.ts"

const scope = Scope.makeUnsafe()
let port = 0

beforeAll(async () => {
  const options = {
    host: "127.0.0.1",
    port: 0,
    health: () => ({ status: "ok" as const }),
    registry: new Registry(),
    tls: undefined,
    welcome: "here",
  }
  port = (await Effect.runPromise(Scope.provide(serveHttp(options), scope))).port
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const opened: Array<Socket> = []
afterAll(() => {
  for (const socket of opened) socket.destroy()
})

/** A connection and what it is told until its end. */
const open = async () => {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
  opened.push(socket)
  let told = ""
  socket.setEncoding("latin1").on("data", (text: string) => {
    told += text
  })
  socket.on("error", () => {})
  const ended = new Promise<string>((resolve) => socket.once("close", () => resolve(told)))
  socket.once("end", () => socket.destroy())
  await new Promise((resolve) => socket.once("connect", resolve))
  return { socket, ended }
}

const health = async () => (await fetch(`http://127.0.0.1:${port}/health`)).status

it("a header over 8 KiB is refused, and whoever comes next is served", async () => {
  const { socket, ended } = await open()
  socket.write(`GET /health HTTP/1.1\r\nHost: here\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)
  expect(await ended).toMatch(/^HTTP\/1.1 431 /)
  expect(await health()).toBe(200)
})

it("a request that never ends, in its header or its body, is ended for it", async () => {
  const header = await open()
  header.socket.write("GET /health HTTP/1.1\r\nHost: here\r\n")
  const body = await open()
  body.socket.write("POST /nowhere HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\nx")
  expect(await header.ended).toMatch(/^HTTP\/1.1 408 /)
  expect(await body.ended).toMatch(/^HTTP\/1.1 4\d\d /)
}, 120_000)

it("a body that nobody asked for is not gathered: any path but those three is 404, any method but GET too", async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/health`, {
    method: "POST",
    body: Buffer.alloc(4_000_000),
  }).catch(() => undefined)
  expect([404, 405, undefined]).toContain(answer?.status)
  expect((await fetch(`http://127.0.0.1:${port}/admin`)).status).toBe(404)
  expect(await health()).toBe(200)
})

it("64 connections that say nothing keep new ones out and are let go, so that it is served again", async () => {
  const silent = await Promise.all(Array.from({ length: 64 }, open))
  const late = await open()
  late.socket.write("GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
  expect(await late.ended, "one too many is closed unanswered").toBe("")
  await Promise.all(silent.map(({ ended }) => ended))
  expect(await health()).toBe(200)
}, 120_000)
