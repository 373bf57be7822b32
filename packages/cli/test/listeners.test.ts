// All the ways in, with the real program and the real SDK: WebSocket, TLS, certificates read again.
import { copyFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "node:tls"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { cleanUp, Running, run, temporaryDirectory } from "./program.ts"

const certificates = fileURLToPath(new URL("../../gateway/test/certificates/", import.meta.url))
const trusting = { MILLRACE_CLIENT_CA: join(certificates, "authority.pem") }

afterAll(cleanUp)

const started = async (data: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const running = new Running(
    ["serve", "--data", data, "--tcp", "0", "--http", "0", "--ws", "0", ...args],
    env,
  )
  const [, tcp, ws, http] = await running.until(/^ready tcp=(\S+) ws=(\S+) http=(\S+) data=\S+$/m)
  return { running, tcp, ws, http }
}
const json = (text: string): unknown => JSON.parse(text.trim().split("\n").at(-1) ?? "")
const small = ["--duration", "0.5", "--cards", "100", "--mode", "terminals", "--connections", "4", "--json"]

describe("over WebSocket", () => {
  it("the SDK provisions and asks, a load runs, and the end is clean", async () => {
    const data = temporaryDirectory()
    const { running, ws } = await started(data, [])
    const url = `ws://${ws}`
    const loaded = await run(["load", "--url", url, "--data", data, ...small])
    expect(loaded.code, loaded.stderr).toBe(0)
    expect(json(loaded.stdout)).toMatchObject({ errors: 0 })
    const batches = ["--duration", "0.5", "--cards", "100", "--connections", "2", "--batch", "4096", "--json"]
    const batched = await run(["load", "--url", url, "--data", data, ...batches])
    expect(json(batched.stdout)).toMatchObject({ errors: 0 })
    const shown = await run(["card", "show", "5990000000000001", "--url", url, "--data", data])
    expect(shown.stdout).toMatch(/^card +599000\*{6}0001, active/)
    const out = join(temporaryDirectory(), "key.json")
    const rotate = ["rotate-key", "host:dev", "--url", url]
    const rotated = await run([...rotate, "--data", data, "--out", out])
    expect(rotated.stdout).toMatch(
      /^host:dev has key version 2 now, written to .*key\.json; the key of before/,
    )
    expect(rotated.stdout).not.toContain(JSON.parse(readFileSync(out, "utf8")).key)
    const old = await run(["card", "show", "5990000000000001", "--url", url, "--data", data])
    expect([old.code, old.stderr]).toEqual([1, expect.stringContaining("the logon was refused")])
    const again = await run([...rotate, "--credentials", out, "--out", `${out}.2`, "--json"])
    expect(json(again.stdout)).toMatchObject({ host: "dev", keyVersion: 3 })
    expect((await running.signal("SIGTERM")).code).toBe(0)
  })
})

describe("under TLS", () => {
  let data: string
  let server: Awaited<ReturnType<typeof started>>
  const files = { cert: "", key: "" }
  beforeAll(async () => {
    data = temporaryDirectory()
    files.cert = join(temporaryDirectory(), "server.pem")
    files.key = `${files.cert}.key`
    copyFileSync(join(certificates, "server.pem"), files.cert)
    copyFileSync(join(certificates, "server.key"), files.key)
    server = await started(data, [], { MILLRACE_TLS_CERT: files.cert, MILLRACE_TLS_KEY: files.key })
  })

  it.each(["tls", "wss"] as const)(
    "load and SDK come in by %s with the authority, and not without",
    async (scheme) => {
      const url = `${scheme}://${scheme === "tls" ? server.tcp : server.ws}`
      const loaded = await run(["load", "--url", url, "--data", data, ...small], trusting)
      expect(loaded.code, loaded.stderr).toBe(0)
      expect(json(loaded.stdout)).toMatchObject({ errors: 0 })
      const stranger = await run(["load", "--url", url, "--data", data, ...small])
      expect(stranger.code).toBe(1)
      expect(stranger.stdout).toBe("")
    },
  )

  it("a plain client is told nothing and ends with a line", async () => {
    const plain = await run(["load", "--url", `tcp://${server.tcp}`, "--data", data, ...small])
    expect(plain.code).toBe(1)
    expect(plain.stderr).toMatch(/^millrace: /m)
  })

  it("SIGHUP brings a new certificate to every listener", async () => {
    const nameAt = (address: string): Promise<string> => {
      const [host, port] = address.split(":")
      return new Promise((resolve, reject) => {
        const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN))
          socket.destroy()
        })
        socket.on("error", reject)
      })
    }
    const names = () => Promise.all([server.tcp, server.ws, server.http].map(nameAt))
    expect(await names()).toEqual(["one", "one", "one"])
    copyFileSync(join(certificates, "renewed.pem"), files.cert)
    server.running.child.kill("SIGHUP")
    await server.running.until(/the certificates were not read again, the old ones stay: .*can't be used/)
    expect(await names()).toEqual(["one", "one", "one"])
    copyFileSync(join(certificates, "renewed.key"), files.key)
    server.running.child.kill("SIGHUP")
    await server.running.until(/the certificates were read again/)
    expect(await names()).toEqual(["two", "two", "two"])
    expect((await server.running.signal("SIGTERM")).code).toBe(0)
  })
})
