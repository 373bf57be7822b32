import { readFileSync } from "node:fs"
import { type ConnectionOptions, connect } from "node:tls"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hostWith, type IsoHouse, Line, responseOf, start } from "./lab.ts"

const file = (name: string): string => fileURLToPath(new URL(`../certificates/${name}`, import.meta.url))
const ca = readFileSync(file("authority.pem"))
const certificateOf = (name: string): ConnectionOptions => ({
  cert: readFileSync(file(`${name}.pem`)),
  key: readFileSync(file(`${name}.key`)),
})

describe("a host under TLS", () => {
  let house: IsoHouse
  beforeAll(async () => {
    const tls = {
      cert: file("server.pem"),
      key: file("server.key"),
      ca: file("authority.pem"),
      requireClientCert: true,
    }
    house = await start([hostWith({ mac: "x919" })], {}, {}, tls)
  })
  afterAll(() => house.stop())

  const lineWith = (options: ConnectionOptions): Line => {
    const { port } = house.iso.addresses[0]
    return new Line(house, house.host, port, connect({ host: "127.0.0.1", port, ca, ...options }))
  }

  it("that shows a certificate of the authority sells", async () => {
    const line = lineWith(certificateOf("acquirer"))
    await line.logOn()
    expect(responseOf(await line.ask("0200", line.transaction("00", 100)))).toBe("00")
    line.close()
  })

  it("that shows none, one of somebody else, or no TLS is not let in", async () => {
    for (const line of [lineWith({}), lineWith(certificateOf("stranger")), new Line(house)]) {
      line.socket.write(line.frame(line.bytesOf("0800", { ...line.stamp(), 70: "301" })))
      await line.until(() => line.closed)
      expect(line.answers).toEqual([])
    }
    expect(house.iso.tally.faults.get("certificate")).toBe(2)
    expect(house.iso.tally.faults.get("tls")).toBe(1)
  })
})
