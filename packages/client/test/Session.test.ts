import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { makeCredential } from "../src/index.ts"
import { connect, connected, credential, purchase } from "./connected.ts"
import { approved, fakeServer } from "./FakeServer.ts"

/** A server that says the same bytes to everybody. */
const saying = (bytes: Uint8Array | null) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ url: string; close: () => void }>((resolve) => {
          const server = createServer((socket) => {
            socket.on("error", () => {})
            if (bytes !== null) socket.write(bytes)
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            resolve({ url: `tcp://127.0.0.1:${port}`, close: () => server.close() })
          })
        }),
    ),
    (server) => Effect.sync(server.close),
  )

const failure = (url: string, options: Parameters<typeof connect>[1] = {}) =>
  connect(url, options).pipe(Effect.flip)

describe("logon", () => {
  it.live("proves each side to the other and brings the limits and permissions", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({}, {})
      assert.deepStrictEqual(client.identity, { host: "dev" })
      assert.deepStrictEqual(client.welcome().permissions, ["transact", "a-later-one"])
      assert.strictEqual(client.welcome().limits.batchRecordsMax, 4_096)
      assert.strictEqual(yield* client.echo("hello"), "hello")
    }),
  )

  it.live("works for a terminal as for a host", () =>
    Effect.gen(function* () {
      const terminal = makeCredential({ terminal: 1001 }, Redacted.value(credential.key))
      const { client } = yield* connected({}, { credential: terminal })
      assert.strictEqual(yield* client.echo(1), 1)
    }),
  )

  it.live("sends nothing to a server that can't prove itself", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer({ proofKey: new Uint8Array(32) })
      const error = yield* failure(server.url)
      assert.strictEqual(error._tag, "ServerNotProven")
      assert.strictEqual(server.sessions[0].received.length, 0)
    }),
  )

  it.live("is refused with a wrong key", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer()
      const error = yield* failure(server.url, {
        credential: makeCredential({ host: "dev" }, new Uint8Array(32)),
      })
      assert.strictEqual(error._tag, "LogonRefused")
      assert.include(error.message, "refused")
    }),
  )

  it.live("fails when nobody is there, and when the address is none", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer()
      yield* Effect.promise(() => server.close())
      assert.strictEqual((yield* failure(server.url))._tag, "Unreachable")
      for (const url of ["", "localhost:7100", "http://localhost", "tcp://"]) {
        const error = yield* failure(url)
        assert.strictEqual(error._tag, "Unreachable")
        assert.include(error.message, "expected tcp://host:port")
      }
    }),
  )

  it.live("fails when the server says nothing in time", () =>
    Effect.gen(function* () {
      const { url } = yield* saying(null)
      const error = yield* failure(url, { connectTimeoutMs: 50 })
      assert.strictEqual(error._tag, "Unreachable")
      assert.include(error.message, "50 ms")
    }),
  )

  it.live("fails when something else answers", () =>
    Effect.gen(function* () {
      const { url } = yield* saying(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const error = yield* failure(url)
      assert.strictEqual(error._tag, "ConnectionBroken")
    }),
  )

  it.live("fails when outcomes come before the welcome", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer({
        opened: (session) => session.answer([approved({ ...purchase(1), terminal: 1 } as never)]),
      })
      assert.strictEqual((yield* failure(server.url))._tag, "ConnectionBroken")
    }),
  )

  it.live("passes on why the server closes", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer({
        opened: (session) => {
          session.say({ type: "error", code: "too-many-sessions", message: "full" }, 0)
          session.socket.end()
        },
      })
      const error = yield* failure(server.url)
      assert.deepInclude(error, { _tag: "ConnectionBroken", code: "too-many-sessions", message: "full" })
    }),
  )
})
