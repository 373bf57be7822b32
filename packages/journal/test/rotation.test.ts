/** Keys that are changed: a crash at any operation leaves a directory that opens with the old or with the new key. */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { assert, describe, it, vi } from "vitest"
import {
  Journal,
  KeyRing,
  type KeyRingOptions,
  type MasterRotation,
  MemoryDisk,
  rotateMasterKey,
  Snapshots,
  Storage,
} from "../src/index.ts"
import { dataKeysMax } from "../src/KeyRing.ts"
import { appendBlocks, drain, onDisk, range, readAll, sequencesIn } from "./scene.ts"

// A machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const oldKey = randomBytes(32).toString("hex")
const newKey = randomBytes(32).toString("base64")
const given = (text: string) => Redacted.make(text)

const ringOf = (disk: MemoryDisk, options: KeyRingOptions = {}) =>
  Effect.runPromise(Effect.provide(KeyRing, KeyRing.layer(options).pipe(Layer.provide(Storage.disk(disk)))))

const rotate = (disk: MemoryDisk, options: Parameters<typeof rotateMasterKey>[0]): Promise<MasterRotation> =>
  Effect.runPromise(rotateMasterKey(options).pipe(Effect.provide(Storage.disk(disk))))

const refusal = (disk: MemoryDisk, options: Parameters<typeof rotateMasterKey>[0]) =>
  Effect.runPromise(Effect.flip(rotateMasterKey(options).pipe(Effect.provide(Storage.disk(disk)))))

interface Way {
  /** The master key of the directory, when it isn't in master.key. */
  readonly before: string | undefined
  readonly after: string | undefined
}
const ways: { readonly [name: string]: Way } = {
  "from one that is given to another": { before: oldKey, after: newKey },
  "from master.key to one that is given": { before: undefined, after: newKey },
  "from master.key to one that is made": { before: undefined, after: undefined },
}
const keyring = (key: string | undefined): KeyRingOptions =>
  key === undefined ? {} : { masterKey: given(key) }

describe("the master key", () => {
  for (const [name, { before, after }] of Object.entries(ways)) {
    const options = {
      ...keyring(before),
      ...(after === undefined ? {} : { newMasterKey: given(after) }),
    }

    it(`is changed ${name}: everything reads as before, and the old one opens nothing`, async () => {
      const disk = new MemoryDisk({ crashable: true })
      await onDisk(disk, appendBlocks(1, 5), keyring(before))
      const first = await ringOf(disk, keyring(before))
      const oldFile = disk.files().get("master.key")
      const told = await rotate(disk, options)
      const crashed = disk.crash()
      const second = await ringOf(crashed, keyring(after))
      assert.deepEqual(Buffer.from(second.schemeKey), Buffer.from(first.schemeKey))
      assert.equal(told.from, first.masterKeyId)
      assert.equal(told.to, second.masterKeyId)
      assert.notEqual(told.from, told.to)
      assert.deepEqual(sequencesIn(await onDisk(crashed, readAll, keyring(after))), range(1, 5))
      assert.isFalse(crashed.files().has("master.key.new"))
      if (before === undefined) {
        assert.equal(told.kept, `master.key.${first.masterKeyId.slice(0, 8)}`)
        assert.deepEqual(crashed.files().get(told.kept!), oldFile)
        if (after !== undefined) assert.isFalse(crashed.files().has("master.key"))
      } else {
        assert.isUndefined(told.kept)
        const error = await Effect.runPromise(
          Effect.flip(
            Effect.provide(
              KeyRing,
              KeyRing.layer(keyring(before)).pipe(Layer.provide(Storage.disk(crashed))),
            ),
          ),
        )
        assert.match(error.message, /the given master key is wrong: keyring.json was made with master key/)
      }
    })

    it(`is changed ${name}: a crash at any operation leaves the old or the new one, and running it again ends it`, async () => {
      for (let stop = 0; ; stop++) {
        for (const kept of [false, true]) {
          const disk = new MemoryDisk({ crashable: true })
          await onDisk(disk, appendBlocks(1, 3), keyring(before))
          const { masterKeyId, schemeKey } = await ringOf(disk, keyring(before))
          let operations = 0
          let left: MemoryDisk | undefined
          disk.fault = (operation) => {
            if (operation === "read" || operation === "list" || operations++ < stop) return undefined
            left ??= disk.crash(() => kept)
            return "EIO"
          }
          const exit = await Effect.runPromiseExit(
            rotateMasterKey(options).pipe(Effect.provide(Storage.disk(disk))),
          )
          if (left === undefined) {
            assert.equal(exit._tag, "Success")
            assert.isAbove(stop, 6)
            return
          }
          const opened = await openedBy(left.copy(), [keyring(before), keyring(after)])
          assert.isAbove(opened.length, 0, `neither key opens it after operation ${stop}`)
          for (const ring of opened) assert.deepEqual(Buffer.from(ring.schemeKey), Buffer.from(schemeKey))
          // A look without writing finds the same.
          assert.isAbove(
            (
              await openedBy(left, [
                { ...keyring(before), readOnly: true },
                { ...keyring(after), readOnly: true },
              ])
            ).length,
            0,
          )
          const again = await rotate(left, options)
          const ended = await ringOf(left.crash(), keyring(after))
          assert.equal(ended.masterKeyId, again.to)
          assert.notEqual(ended.masterKeyId, masterKeyId)
          assert.deepEqual(Buffer.from(ended.schemeKey), Buffer.from(schemeKey))
          assert.deepEqual(sequencesIn(await onDisk(left, readAll, keyring(after))), range(1, 3))
        }
      }
    })
  }

  it("is not changed to the one that it is, and says so", async () => {
    const disk = new MemoryDisk()
    await ringOf(disk, keyring(oldKey))
    const told = await rotate(disk, { masterKey: given(oldKey), newMasterKey: given(oldKey) })
    assert.isTrue(told.already)
  })

  it("is not changed by who hasn't the old one, or gives no new one, or none that is one", async () => {
    const disk = new MemoryDisk()
    await ringOf(disk, keyring(oldKey))
    const before = disk.files().get("keyring.json")
    const wrong = randomBytes(32).toString("hex")
    const errors = [
      await refusal(disk, { masterKey: given(wrong), newMasterKey: given(newKey) }),
      await refusal(disk, { masterKey: given(oldKey) }),
      await refusal(disk, { masterKey: given(oldKey), newMasterKey: given("short") }),
      await refusal(disk, { newMasterKey: given(newKey) }),
    ].map((error) => error.message)
    assert.match(errors[0]!, /the given master key is wrong/)
    assert.match(errors[1]!, /the new master key is wrong: none was given/)
    assert.match(errors[2]!, /the new master key is wrong: it isn't 32 bytes/)
    assert.match(errors[3]!, /the old master key is wrong: neither master.key nor the configuration has one/)
    for (const text of errors) for (const key of [oldKey, newKey, wrong]) assert.notInclude(text, key)
    assert.deepEqual(disk.files().get("keyring.json"), before)
  })
})

const openedBy = async (disk: MemoryDisk, options: ReadonlyArray<KeyRingOptions>) => {
  const rings = await Promise.all(options.map((each) => ringOf(disk, each).catch(() => undefined)))
  return rings.filter((ring) => ring !== undefined)
}

const keysOfSegments = Effect.flatMap(Journal, (journal) =>
  Effect.map(journal.stat, ({ segments }) => segments.map(({ keyId }) => keyId)),
)

describe("a data key", () => {
  it("is used from the next block on, while the journal is written, and what is old stays as it is", async () => {
    const disk = new MemoryDisk({ crashable: true })
    const keys = await onDisk(
      disk,
      Effect.gen(function* () {
        const ring = yield* KeyRing
        yield* appendBlocks(1, 3)
        yield* ring.rotate
        yield* appendBlocks(4, 6)
        const snapshots = yield* Snapshots
        const pieces = [Buffer.alloc(100, 3)]
        yield* snapshots.write(6, [{ name: "part", next: () => pieces.pop() ?? null }])
        yield* ring.rotate
        yield* appendBlocks(7, 9)
        return yield* keysOfSegments
      }),
    )
    assert.deepEqual(keys, [1, 2, 3])
    const after = disk.crash()
    assert.deepEqual(sequencesIn(await onDisk(after, readAll, { verify: "all" })), range(1, 9))
    const read = Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const [newest] = yield* snapshots.list
      return [newest?.keyId, (yield* Effect.flatMap(snapshots.read(6, "part"), drain)).length]
    })
    assert.deepEqual(await onDisk(after, read), [2, 1])
  })

  it("gets a number of its own when several are asked for at once, on a real disk", async () => {
    const root = mkdtempSync(join(tmpdir(), "millrace-keys-"))
    try {
      const open = Effect.provide(KeyRing, KeyRing.layer().pipe(Layer.provide(Storage.file(root))))
      const ring = await Effect.runPromise(open)
      const rotations = Effect.forEach(range(1, 5), () => ring.rotate, { concurrency: 5 })
      const added = await Effect.runPromise(rotations)
      assert.deepEqual(added.map(({ id }) => id).sort(), [2, 3, 4, 5, 6])
      const reopened = await Effect.runPromise(open)
      for (const { id, key } of added) assert.deepEqual(Buffer.from(reopened.byId(id)!.key), Buffer.from(key))
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  it("that nothing needs any more is taken away, and its number never comes again", async () => {
    const disk = new MemoryDisk({ crashable: true })
    const ring = await ringOf(disk)
    await Effect.runPromise(ring.rotate)
    await Effect.runPromise(ring.retire(1))
    const reopened = await ringOf(disk.crash())
    assert.deepEqual(reopened.ids, [2])
    assert.equal((await Effect.runPromise(reopened.rotate)).id, 3)
  })

  it("can't be taken away when it is the newest, or isn't there", async () => {
    const ring = await ringOf(new MemoryDisk())
    for (const id of [1, 7]) {
      const told = await Effect.runPromise(ring.retire(id)).then(String, String)
      assert.match(told, /can't be retired/)
    }
  })

  it("is not added to a ring that is full", async () => {
    const ring = await ringOf(new MemoryDisk())
    for (let n = 1; n < dataKeysMax; n++) await Effect.runPromise(ring.rotate)
    const error = await Effect.runPromise(Effect.flip(ring.rotate))
    assert.match(error.message, /its key ring holds 256 data keys already. Retire those/)
  })

  it("that is added, or taken away, survives a crash at any operation", async () => {
    for (let stop = 0; ; stop++) {
      const disk = new MemoryDisk({ crashable: true })
      const ring = await ringOf(disk)
      await Effect.runPromise(ring.rotate)
      let operations = 0
      let left: MemoryDisk | undefined
      disk.fault = () => {
        if (operations++ < stop) return undefined
        left ??= disk.crash((_, sector) => sector < 0)
        return "EIO"
      }
      await Effect.runPromiseExit(Effect.andThen(ring.rotate, ring.retire(1)))
      if (left === undefined) break
      const { ids } = await ringOf(left)
      assert.include(["1,2", "1,2,3", "2,3"], ids.join())
    }
  })
})
