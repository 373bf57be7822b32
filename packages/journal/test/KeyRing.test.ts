import { randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { Effect, Layer, Redacted } from "effect"
import { assert, describe, it } from "vitest"
import { KeyMissing, KeyRing, type KeyRingOptions, KeyWrong, MemoryDisk, Storage } from "../src/index.ts"
import { appendBlocks, onDisk } from "./scene.ts"

const given = (text: string): KeyRingOptions => ({ masterKey: Redacted.make(text) })
const hex = randomBytes(32).toString("hex")

const open = (disk: MemoryDisk, options: KeyRingOptions = {}) =>
  Effect.provide(KeyRing, KeyRing.layer(options).pipe(Layer.provide(Storage.disk(disk))))
const ringOf = (disk: MemoryDisk, options?: KeyRingOptions) => Effect.runPromise(open(disk, options))
const refusalOf = (disk: MemoryDisk, options?: KeyRingOptions) =>
  Effect.runPromise(Effect.flip(open(disk, options)))

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(Buffer.from(b))

describe("the first start", () => {
  it("makes a master key and a ring, and the second one opens them", async () => {
    const disk = new MemoryDisk({ crashable: true })
    const first = await ringOf(disk)
    const second = await ringOf(disk.crash())
    assert.equal(first.schemeKey.length, 32)
    assert.isTrue(same(first.schemeKey, second.schemeKey))
    assert.isTrue(same(first.current.key, second.current.key))
    assert.deepEqual([...disk.files().keys()].sort(), ["keyring.json", "master.key"])
  })

  it("writes no master key when one is given, as hex or as base64", async () => {
    const disk = new MemoryDisk()
    const first = await ringOf(disk, given(hex))
    const again = await ringOf(disk, given(`${Buffer.from(hex, "hex").toString("base64")}\n`))
    assert.isTrue(same(first.schemeKey, again.schemeKey))
    assert.deepEqual([...disk.files().keys()], ["keyring.json"])
  })

  it("uses a master.key that an operator put there", async () => {
    const disk = new MemoryDisk()
    disk.put("master.key", Buffer.from(hex))
    const first = await ringOf(disk)
    const again = await ringOf(disk, given(hex))
    assert.isTrue(same(first.schemeKey, again.schemeKey))
  })

  it("makes other keys for every directory", async () => {
    const [a, b] = [await ringOf(new MemoryDisk(), given(hex)), await ringOf(new MemoryDisk(), given(hex))]
    assert.isFalse(same(a.schemeKey, b.schemeKey))
    assert.isFalse(same(a.current.key, b.current.key))
  })
})

describe("refused is", () => {
  it("another master key, with words of both", async () => {
    const disk = new MemoryDisk()
    await ringOf(disk, given(hex))
    const error = await refusalOf(disk, given(randomBytes(32).toString("hex")))
    assert.instanceOf(error, KeyWrong)
    assert.match(
      error.message,
      /the given master key is wrong: keyring.json was made with master key [0-9a-f]{16}/,
    )
    assert.notInclude(error.message, hex)
  })

  it("text that is no key", async () => {
    for (const text of ["", "secret", hex.slice(2), `${hex}00`, "z".repeat(64)]) {
      assert.instanceOf(await refusalOf(new MemoryDisk(), given(text)), KeyWrong)
    }
    const disk = new MemoryDisk()
    disk.put("master.key", Buffer.from("not a key"))
    const error = await refusalOf(disk)
    assert.instanceOf(error, KeyWrong)
    assert.equal((error as KeyWrong).key, "master.key")
  })

  it("a used directory without its master key; no new one is made", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, appendBlocks(1, 1))
    disk.put("master.key", undefined)
    const error = await refusalOf(disk)
    assert.instanceOf(error, KeyMissing)
    assert.match(error.message, /No new one was made/)
    assert.isFalse(disk.files().has("master.key"))
  })

  it("a used directory without its ring; no new one is made", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, appendBlocks(1, 1))
    disk.put("keyring.json", undefined)
    assert.instanceOf(await refusalOf(disk), KeyMissing)
    assert.isFalse(disk.files().has("keyring.json"))
  })

  it("a directory without keys that is only to be looked at", async () => {
    const disk = new MemoryDisk()
    assert.instanceOf(await refusalOf(disk, { readOnly: true }), KeyMissing)
    assert.equal(disk.files().size, 0)
  })
})

it("rotation adds a key that writes, and keeps those that read", async () => {
  const disk = new MemoryDisk({ crashable: true })
  const ring = await ringOf(disk)
  const old = ring.current
  const added = await Effect.runPromise(ring.rotate)
  await Effect.runPromise(ring.rotate)
  const reopened = await ringOf(disk.crash())
  assert.deepEqual(reopened.ids, [1, 2, 3])
  assert.equal(reopened.current.id, 3)
  assert.isTrue(same(reopened.byId(1)!.key, old.key))
  assert.isTrue(same(reopened.byId(2)!.key, added.key))
  assert.isUndefined(reopened.byId(4))
})

it("nothing that prints the ring or a key prints key bytes", async () => {
  const disk = new MemoryDisk()
  const ring = await ringOf(disk, given(hex))
  const printed = [ring, ring.current, { ring, key: ring.current }].flatMap((value) => [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 9, showHidden: true, getters: true }),
  ])
  const stored = [...disk.files().values()].map((bytes) => Buffer.from(bytes).toString("latin1"))
  for (const secret of [ring.schemeKey, ring.current.key, Buffer.from(hex, "hex")]) {
    const bytes = Buffer.from(secret)
    for (const form of [
      bytes.toString("hex"),
      bytes.toString("base64"),
      bytes.join(", "),
      bytes.toString("latin1"),
    ]) {
      for (const text of [...printed, ...stored]) assert.notInclude(text, form)
    }
    assert.notInclude(printed.join(), bytes.toString("hex").slice(0, 8))
  }
})
