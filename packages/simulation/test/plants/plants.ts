/** Faults planted in the code, each in one place: what the simulator must find. A place that is not there exactly once is an error. */

export interface Plant {
  readonly name: string
  /** Below packages/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** Found with the first seeds: looked for in `npm test`, the others in `npm run test:plants`. */
  readonly quick?: true
}

export const plants: ReadonlyArray<Plant> = [
  {
    name: "an answer before its sync",
    quick: true,
    file: "engine/src/Lane.ts",
    find: "this.#outbox.publish(this.#outboxSealed, this.seats, this.tally)",
    replace: "this.#outbox.publish(this.#outbox.tail, this.seats, this.tally)",
  },
  {
    name: "the memory forgotten after a snapshot",
    file: "ledger/src/Decider.ts",
    find: "memory.appendFound(words, at, this.#hashes[place], this.#terminals[place])",
    replace: "memory.append(new Int32Array(words.length), at)",
  },
  {
    name: "a repeat decided anew",
    file: "ledger/src/Decider.ts",
    find: "if (found >= 0 && !barred) {",
    replace: "if (found >= 0 && !barred && kind !== Kind.purchase) {",
  },
  {
    name: "a horizon that is not raised",
    file: "ledger/src/Memory.ts",
    find: "if (isIndexed(kindAt(ring, at))) {\n      this.#terminals.raiseHorizon(",
    replace: "if (at < 0) {\n      this.#terminals.raiseHorizon(",
  },
  {
    name: "a hold that is released twice",
    file: "ledger/src/Effects.ts",
    find: "cards.giveBack(card, holds.day(hold), holds.amount(hold))\n        holds.remove(hold)",
    replace: "cards.giveBack(card, holds.day(hold), holds.amount(hold))",
  },
  {
    name: "a posting dropped",
    quick: true,
    file: "ledger/src/Accounts.ts",
    find: "else this.#general[at + account] += amounts[i]",
    replace: "else if (i < 3) this.#general[at + account] += amounts[i]",
  },
  {
    name: "a reversal that moves twice",
    quick: true,
    file: "ledger/src/Memory.ts",
    find: "if (turned >= 0) this.marks[turned] = REVERSED",
    replace: "",
  },
  {
    name: "a limit that is not counted",
    quick: true,
    file: "ledger/src/Effects.ts",
    find: "cards.use(card, day, this.#monthOf(day), movedAt(words, doubles, at))",
    replace: "",
  },
  {
    name: "a limit that is not given back",
    file: "ledger/src/Effects.ts",
    find: "cards.giveBack(card, dayAt(words, at), movedAt(words, doubles, at))",
    replace: "",
  },
  {
    name: "a plain purchase that costs nothing",
    file: "ledger/src/Plain.ts",
    find: "doubles[doubleAt + CardDouble.main] = balance - amount",
    replace: "",
  },
  {
    name: "a repeat taken for something new and plain",
    file: "ledger/src/ReferenceIndex.ts",
    find: "if (words[at + 1] === hash) return -1",
    replace: "",
  },
  {
    name: "time that goes back",
    file: "engine/src/Lane.ts",
    find: "this.#time = Math.max(this.#lastTime, this.#clock())",
    replace: "this.#time = this.#clock()",
  },
  {
    name: "a snapshot without a shard",
    file: "ledger/src/Ledger.ts",
    find: "...this.#shards.map((shard) =>\n        sourceOf(",
    replace: "...this.#shards.slice(1).map((shard) =>\n        sourceOf(",
  },
  {
    name: "a snapshot of a later moment",
    file: "ledger/src/CardTable.ts",
    find: "if (this.#shadowOf(words[at + SHADOW], slot) >= 0) return",
    replace: "return",
  },
  {
    name: "a torn block taken for whole",
    file: "journal/src/cursor.ts",
    find: "if (payload === null) return this.#bad(notAuthentic, header)",
    replace: "",
  },
  {
    name: "a failed sync overlooked",
    file: "journal/src/writer.ts",
    find: "if (error !== undefined) {\n      this.poison(error)\n      done(error)",
    replace:
      'if (error !== undefined && "operation" in error && error.operation !== "sync") {\n      this.poison(error)\n      done(error)',
  },
  {
    name: "segments let go too early",
    file: "engine/src/Snapshot.ts",
    find: "journal.release(oldest + 1 - lane.ledger.memory.rememberedMax)",
    replace: "journal.release(position)",
  },
  {
    name: "the other side of a transfer left as it is after a defect",
    file: "engine/src/Lane.ts",
    find: "if (other >= 0 && other !== shard) {",
    replace: "if (other >= 0 && other === shard) {",
  },
  {
    name: "a sale given up and not turned round",
    file: "client/src/Forwarding.ts",
    find: "yield* self.forward(remedy, remedy.reference === request.reference)",
    replace: "",
  },
  {
    name: "a pending reversal that is not synced",
    file: "client/src/PendingReversals.ts",
    find: "await this.#disk.write(Buffer.concat(units), this.#end)\n    await this.#disk.sync()",
    replace: "await this.#disk.write(Buffer.concat(units), this.#end)",
  },
  {
    name: "a repeat refused",
    quick: true,
    file: "ledger/src/Decider.ts",
    find: "if (memory.sameContent(found, slot)) this.#answer",
    replace: "if (memory.sameContent(found, slot) && kind !== Kind.purchase) this.#answer",
  },
  {
    name: "a repeat that is told that it is too late",
    file: "ledger/src/Decider.ts",
    find: "if (memory.sameContent(found, slot)) this.#answer",
    replace:
      "if (kind === Kind.purchase) writeRefusal(request, at, out, outAt, ResponseCode.tooLate)\n      else if (memory.sameContent(found, slot)) this.#answer",
  },
  {
    name: "a repeat that does not say so",
    file: "ledger/src/Decider.ts",
    find: "found * SLOT_WORDS, DUPLICATE, out",
    replace: "found * SLOT_WORDS, 0, out",
  },
  {
    name: "refunds refused without a slot",
    file: "ledger/src/Decider.ts",
    find: "if (terminal < 0 || !this.#mayAsk(terminal, kind)) {",
    replace: "if (terminal < 0 || kind === Kind.refund || !this.#mayAsk(terminal, kind)) {",
  },
  {
    name: "any PIN is right",
    file: "ledger/src/kinds/rules.ts",
    find: "replayed < 0 ? cards.pinEquals(asked, lo, hi)",
    replace: "replayed < 0 ? true",
  },
  {
    name: "no PIN is right",
    file: "ledger/src/kinds/rules.ts",
    find: "replayed < 0 ? cards.pinEquals(asked, lo, hi)",
    replace: "replayed < 0 ? false",
  },
  {
    name: "a PIN lost on its way",
    file: "gateway/src/Pins.ts",
    find: "if (this.#isNew[i] === 0) {\n      writeWords(view, at, lo, hi)",
    replace: "if (this.#isNew[i] === 0) {\n      writeWords(view, at, 0, 0)",
  },
  {
    name: "a request turned away from a shard that is full",
    file: "engine/src/Lane.ts",
    find: "if (this.#down[shard]) {\n        if (this.#outbox.free",
    replace: "if (this.#down[shard] || mailbox.full) {\n        if (this.#outbox.free",
  },
]
