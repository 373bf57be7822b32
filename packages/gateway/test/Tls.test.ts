import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect as connectTcp } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import { fileURLToPath } from "node:url"
import { Kind, type RecordInput } from "@millrace/protocol"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { frameStream, openWebSocket } from "./webSocket.ts"
import { currency, firstCard, type House, start, Wire } from "./wire.ts"

const certificates = fileURLToPath(new URL("certificates/", import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "millrace-tls-"))
afterAll(() => rmSync(directory, { recursive: true }))

const pem = (name: string): Buffer => readFileSync(join(certificates, name))
const ca = pem("authority.pem")
const host = { host: "acquirer" } as const
const ws = { host: "127.0.0.1", port: 0, origins: [] }

let copies = 0
/** Files of a server's own, which a test may write anew. */
const filesOf = (name: string) => {
  const cert = join(directory, `${copies}.pem`)
  const key = join(directory, `${copies++}.key`)
  cpSync(join(certificates, `${name}.pem`), cert)
  cpSync(join(certificates, `${name}.key`), key)
  return { cert, key }
}

const secure = (port: number, options: ConnectionOptions = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca, ...options }, () => resolve(socket))
    socket.on("error", reject)
  })
const wireTo = async (port: number, options?: ConnectionOptions) => new Wire(await secure(port, options))
const nameAt = async (port: number): Promise<string> => {
  const socket = await secure(port)
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}
const portsOf = (house: House) => [house.gateway.tcp.port, house.gateway.ws?.port ?? 0]

let references = 1n
const purchase = (): RecordInput => ({
  kind: Kind.purchase,
  reference: references++,
  card: firstCard,
  amount: 1,
  terminal: 1001,
  currency,
})

describe("under TLS", () => {
  it("both listeners carry sessions, in TLS 1.3 only, and answer nobody in plain text", async () => {
    const house = await start({}, { ws, tls: filesOf("server") })
    const [tcp, wss] = portsOf(house)
    const overTcp = await wireTo(tcp)
    const overWs = new Wire(await frameStream(wss, await secure(wss)))
    for (const wire of [overTcp, overWs]) {
      expect(await wire.logOn(host, house.key(host))).toMatchObject({ genuine: true })
      const outcomes = await wire.transact(Array.from({ length: 2_000 }, purchase))
      expect(outcomes.every((outcome) => outcome.response === 0)).toBe(true)
      expect(await wire.ask({ type: "echo", data: Buffer.alloc(60_000) })).toMatchObject({ type: "echo.ok" })
    }
    for (const port of [tcp, wss]) {
      const socket = await secure(port)
      expect(socket.getProtocol()).toBe("TLSv1.3")
      socket.destroy()
      await expect(secure(port, { maxVersion: "TLSv1.2" })).rejects.toThrow()
      await expect(secure(port, { ca: pem("stranger.pem") })).rejects.toThrow(/certificate/)
      const plain = connectTcp({ host: "127.0.0.1", port })
      const told: Array<Buffer> = []
      plain.on("data", (chunk) => told.push(chunk))
      plain.on("error", () => {})
      plain.write("GET / HTTP/1.1\r\n\r\n")
      await new Promise((resolve) => plain.once("close", resolve))
      expect(Buffer.concat(told).toString("latin1")).not.toContain("HTTP")
    }
    expect(house.gateway.tally.turnedAway.get("tls")).toBeGreaterThan(0)
    await house.stop()
  })

  it("who closes its side after sending still gets its answers, and a stopped reader holds up only itself", async () => {
    const house = await start(
      { unreadBytesMax: 10_000, recordsInFlightMax: 1_000 },
      { tls: filesOf("server") },
    )
    const [tcp] = portsOf(house)
    const deaf = await wireTo(tcp)
    await deaf.logOn(host, house.key(host))
    deaf.socket.pause()
    const flood = Array.from({ length: 1_000 }, purchase)
    for (let i = 0; i < 100; i++) deaf.send(flood)
    const healthy = await wireTo(tcp)
    await healthy.logOn(host, house.key(host))
    for (let i = 0; i < 10; i++) expect((await healthy.transact([purchase()]))[0].response).toBe(0)
    deaf.socket.resume()
    await deaf.until(() => deaf.outcomes.length === 100_000)
    healthy.send(Array.from({ length: 300 }, purchase))
    healthy.socket.end()
    await healthy.until(() => healthy.closed)
    expect(healthy.outcomes.length).toBe(310)
    await house.stop()
  })

  it("a new certificate is taken for new connections while open ones go on; a wrong one changes nothing", async () => {
    const files = filesOf("server")
    const house = await start({}, { ws, tls: files })
    const [tcp, wss] = portsOf(house)
    const wires = [await wireTo(tcp), new Wire(await frameStream(wss, await secure(wss)))]
    for (const wire of wires) await wire.logOn(host, house.key(host))
    expect([await nameAt(tcp), await nameAt(wss)]).toEqual(["one", "one"])
    writeFileSync(files.cert, pem("renewed.pem"))
    const half = await Effect.runPromise(Effect.flip(house.gateway.reload))
    expect(half.message).toMatch(/can't be used/)
    expect([await nameAt(tcp), await nameAt(wss)]).toEqual(["one", "one"])
    writeFileSync(files.key, pem("renewed.key"))
    await Effect.runPromise(house.gateway.reload)
    expect([await nameAt(tcp), await nameAt(wss)]).toEqual(["two", "two"])
    expect(portsOf(house)).toEqual([tcp, wss])
    for (const wire of wires) expect((await wire.transact([purchase()]))[0].response).toBe(0)
    await house.stop()
  })

  it("hosts that must show a certificate are refused without, in the words of any refusal; terminals need none", async () => {
    const tls = { ...filesOf("server"), ca: join(certificates, "authority.pem"), requireClientCert: true }
    const house = await start({}, { ws, tls })
    const [tcp, wss] = portsOf(house)
    const own = { cert: pem("acquirer.pem"), key: pem("acquirer.key") }
    const known = await wireTo(tcp, own)
    expect(await known.logOn(host, house.key(host))).toMatchObject({ type: "welcome" })
    const without = [
      await wireTo(tcp),
      await wireTo(tcp, { cert: pem("stranger.pem"), key: pem("stranger.key") }),
      new Wire(await frameStream(wss, await secure(wss))),
    ]
    for (const wire of without) {
      expect(await wire.logOn(host, house.key(host))).toMatchObject({ code: "logon-refused" })
    }
    const terminal = { terminal: 1001 }
    const anybody = await wireTo(tcp)
    expect(await anybody.logOn(terminal, house.key(terminal))).toMatchObject({ type: "welcome" })
    expect(house.gateway.tally.turnedAway.get("certificate")).toBe(3)
    await house.stop()
  })

  it("a start with files that do not fit together is refused in words", async () => {
    const files = { cert: join(certificates, "server.pem"), key: join(certificates, "renewed.key") }
    await expect(start({}, { tls: files })).rejects.toThrow(/^tls\.cert .* and tls\.key .* can't be used: /)
  })
})

it("a connection that opens and never speaks is let go", async () => {
  const house = await start({ logonSecondsMax: 1 }, { ws, tls: filesOf("server") })
  const [tcp] = portsOf(house)
  const silent = connectTcp({ host: "127.0.0.1", port: tcp })
  silent.on("error", () => {})
  await new Promise((resolve) => silent.once("close", resolve))
  const { status } = await openWebSocket(portsOf(house)[1], {}, await secure(portsOf(house)[1]))
  expect(status).toContain("101")
  await house.stop()
})
