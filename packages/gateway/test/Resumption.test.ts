/** Mutual TLS holds also for who comes back with a ticket of a session in which no certificate was shown. */
import { readFileSync } from "node:fs"
import { type ConnectionOptions, connect } from "node:tls"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { start, Wire } from "./wire.ts"

const file = (name: string): string => fileURLToPath(new URL(`certificates/${name}`, import.meta.url))
const ca = readFileSync(file("authority.pem"))
const tls = {
  cert: file("server.pem"),
  key: file("server.key"),
  ca: file("authority.pem"),
  requireClientCert: true,
}
const host = { host: "acquirer" } as const
const certificate = { cert: readFileSync(file("acquirer.pem")), key: readFileSync(file("acquirer.key")) }

it.each([
  ["no certificate", {}, "error"],
  ["a certificate", certificate, "welcome"],
] as const)("a session begun with %s, taken up again", async (_, own, expected) => {
  const house = await start({}, { tls })
  const { port } = house.gateway.tcp
  let ticket: Buffer | undefined
  const logOn = async (more: ConnectionOptions) => {
    const socket = connect({ host: "127.0.0.1", port, ca, ...own, ...more })
    socket.on("session", (session) => {
      ticket = session
    })
    socket.on("error", () => {})
    return { socket, answer: await new Wire(socket).logOn(host, house.key(host)) }
  }
  expect((await logOn({})).answer).toMatchObject({ type: expected })
  const { socket, answer } = await logOn(ticket === undefined ? {} : { session: ticket })
  // Without a ticket there would be nothing to show.
  expect(socket.isSessionReused()).toBe(true)
  expect(answer).toMatchObject({ type: expected })
  await house.stop()
})
