/** That what must not be kept is not kept: looked for in all that the engine would write down. */
import { SLOT_BYTES } from "@millrace/ledger"
import type { IsoHouse } from "./lab.ts"

/** Throws when one of the texts stands in the journal's slots, as text or packed. */
export const checkSecrets = ({ engine }: IsoHouse, texts: ReadonlyArray<string>): void => {
  const { ledger } = engine.lane
  const slots = Buffer.concat(ledger.slots(1, ledger.next).map((part) => Buffer.from(part)))
  if (slots.length % SLOT_BYTES !== 0 || slots.length === 0) throw new Error("the journal was not read")
  for (const text of texts) {
    const packed = Buffer.from(`4${text.length.toString(16)}${text.padEnd(14, "a")}`, "hex")
    const packed0 = Buffer.from(`0${text.length.toString(16)}${text.padEnd(14, "f")}`, "hex")
    for (const form of [Buffer.from(text), packed, packed0]) {
      if (slots.includes(form)) throw new Error("a secret is in the journal")
    }
  }
}
