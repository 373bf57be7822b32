// A message as fields by number, and what its type (MTI) says by itself.

/** Numbers and text as text, binary fields as bytes. A value stands as it was sent: padding and leading zeros included. */
export type FieldValue = string | Uint8Array

export interface Message {
  /** Four digits: version, class, function, origin. */
  readonly mti: string
  readonly fields: ReadonlyMap<number, FieldValue>
}

/** The number of the highest field that two bitmaps can name. */
export const FIELD_MAX = 128

const withDigit = (mti: string, place: number, digit: number): string =>
  `${mti.slice(0, place)}${digit}${mti.slice(place + 1)}`

/** Whether the sender says that it sent this before: 0201 of 0200, 0421 of 0420, 1805 of 1804. */
export const isRepeat = (mti: string): boolean => (mti.charCodeAt(3) & 1) === 1

/** The type that a repeat repeats; any other type is itself. */
export const baseMti = (mti: string): string => (isRepeat(mti) ? withDigit(mti, 3, Number(mti[3]) - 1) : mti)

/** Whether it is an advice: something that has happened, and is acknowledged rather than decided. */
export const isAdvice = (mti: string): boolean => mti[2] === "2"

/** Whether it asks for an answer: requests, advices and notifications do, answers don't. */
export const isRequest = (mti: string): boolean => mti[2] === "0" || mti[2] === "2"

/** The type of the answer: 0210 to 0200 and to 0201, 0430 to 0420. Only for what `isRequest`. */
export const answerMti = (mti: string): string => withDigit(baseMti(mti), 2, Number(mti[2]) + 1)

/** A field's text; undefined when it isn't there or is binary. */
export const textOf = (message: Message, field: number): string | undefined => {
  const value = message.fields.get(field)
  return typeof value === "string" ? value : undefined
}

/** A field's bytes; undefined when it isn't there or is text. */
export const bytesOf = (message: Message, field: number): Uint8Array | undefined => {
  const value = message.fields.get(field)
  return typeof value === "string" ? undefined : value
}

/** Builds a message; fields whose value is undefined are left out. */
export const message = (
  mti: string,
  fields: { readonly [field: number]: FieldValue | undefined },
): Message => {
  const map = new Map<number, FieldValue>()
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined) map.set(Number(field), value)
  }
  return { mti, fields: map }
}
