import { createHmac } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  clientTranscript,
  type Identity,
  identityBytes,
  identityText,
  logonKeyTranscript,
  serverTranscript,
} from "../src/index.ts"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const nonce = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const identity: fc.Arbitrary<Identity> = fc.oneof(
  fc.record({ host: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/) }),
  fc.record({ terminal: fc.integer({ min: 1, max: 0xffff_ffff }) }),
)

describe("Logon", () => {
  it("lays the transcripts out as the protocol says", () => {
    fc.assert(
      fc.property(
        identity,
        nonce(32),
        fc.uint8Array({ minLength: 16, maxLength: 32 }),
        (who, server, client) => {
          for (const [side, bytes] of [
            ["client", clientTranscript(who, server, client)],
            ["server", serverTranscript(who, server, client)],
          ] as const) {
            const plain = Buffer.concat([
              Buffer.from(
                `millrace ${side} 1\0${"host" in who ? `host:${who.host}` : `terminal:${who.terminal}`}\0`,
              ),
              server,
              Buffer.of(client.length),
              client,
            ])
            expect(bytes).toEqual(Uint8Array.from(plain))
          }
        },
      ),
    )
  })

  it("gives different bytes for whatever differs", () => {
    const input = fc.tuple(identity, nonce(32), fc.uint8Array({ minLength: 16, maxLength: 32 }))
    fc.assert(
      fc.property(input, input, (a, b) => {
        const same =
          JSON.stringify(a.map((x) => (x instanceof Uint8Array ? [...x] : x))) ===
          JSON.stringify(b.map((x) => (x instanceof Uint8Array ? [...x] : x)))
        expect(text(clientTranscript(...a)) === text(clientTranscript(...b)) && !same).toBe(false)
        expect(clientTranscript(...a)).not.toEqual(serverTranscript(...a))
      }),
    )
  })

  it("refuses nonces and identities that can't be", () => {
    const good = new Uint8Array(32)
    expect(() => clientTranscript({ host: "a" }, new Uint8Array(31), good)).toThrow(/server's nonce/)
    expect(() => clientTranscript({ host: "a" }, good, new Uint8Array(15))).toThrow(/client's nonce/)
    expect(() => clientTranscript({ host: "a" }, good, new Uint8Array(33))).toThrow(/client's nonce/)
    for (const host of ["", "a b", "a\0b", "ä", "x".repeat(65)])
      expect(() => identityText({ host })).toThrow()
    for (const terminal of [0, -1, 1.5, 2 ** 32]) expect(() => identityText({ terminal })).toThrow()
    expect(text(identityBytes({ terminal: 42 }))).toBe("terminal:42")
  })

  it("derives a key from scheme key, identity and version", () => {
    expect(text(logonKeyTranscript({ host: "dev" }, 0x01020304))).toBe("logon\0host:dev\0\x04\x03\x02\x01")
    const key = (version: number) =>
      createHmac("sha256", "scheme")
        .update(logonKeyTranscript({ terminal: 1 }, version))
        .digest("hex")
    expect(key(1)).not.toBe(key(2))
  })
})
