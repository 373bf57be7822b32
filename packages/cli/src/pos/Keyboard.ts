// Keys one by one, and lines that are typed with or without being shown: a keypad with a display.
import { StringDecoder } from "node:string_decoder"

/** What a keyboard needs of a terminal's input. */
export interface KeyInput {
  on(event: "data", listener: (chunk: Buffer) => void): unknown
  on(event: "end", listener: () => void): unknown
  off(event: "data", listener: (chunk: Buffer) => void): unknown
  off(event: "end", listener: () => void): unknown
  resume(): unknown
  pause(): unknown
  setRawMode?(raw: boolean): unknown
}

const ENTER = new Set(["\r", "\n"])
const ERASE = new Set(["\u007f", "\b"])
const ESCAPE = "\u001b"
/** Ctrl-C and Ctrl-D: in raw mode they are keys. */
const LEAVE = new Set(["\u0003", "\u0004"])

export class Keyboard {
  readonly #input: KeyInput
  readonly #write: (text: string) => void
  readonly #decoder = new StringDecoder("utf8")
  #keys: Array<string> = []
  #waiting: ((key: string | undefined) => void) | null = null
  #over = false

  constructor(input: KeyInput, write: (text: string) => void) {
    this.#input = input
    this.#write = write
    input.setRawMode?.(true)
    input.on("data", this.#data)
    input.on("end", this.#end)
    input.resume()
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#end()
    this.#input.off("data", this.#data)
    this.#input.off("end", this.#end)
    this.#input.setRawMode?.(false)
    this.#input.pause()
  }

  readonly #data = (chunk: Buffer): void => {
    // An arrow or function key is an escape and what follows in the same piece: no key of ours.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what an escape is
    const text = this.#decoder.write(chunk).replaceAll(/\u001b[[O][0-9;]*[A-Za-z~]/g, "")
    this.#keys.push(...text)
    this.#deliver()
  }

  readonly #end = (): void => {
    this.#over = true
    this.#deliver()
  }

  #deliver(): void {
    if (this.#waiting === null || (this.#keys.length === 0 && !this.#over)) return
    const waiting = this.#waiting
    this.#waiting = null
    const key = this.#keys.shift()
    if (key !== undefined && LEAVE.has(key)) this.#over = true
    waiting(key === undefined || LEAVE.has(key) ? undefined : key)
  }

  /** Undefined when there will be none any more. */
  key(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#deliver()
    })
  }

  /** Undefined when it was given up with the escape key, or there will be none any more. */
  async line(prompt: string, shown: "shown" | "hidden" = "shown"): Promise<string | undefined> {
    this.#write(prompt)
    let text = ""
    for (;;) {
      const key = await this.key()
      if (key === undefined || key === ESCAPE) {
        this.#write("\n")
        return undefined
      }
      if (ENTER.has(key)) {
        this.#write("\n")
        return text
      }
      if (ERASE.has(key)) {
        if (text === "") continue
        text = text.slice(0, -1)
        this.#write("\b \b")
      } else if (key >= " ") {
        text += key
        this.#write(shown === "shown" ? key : "*")
      }
    }
  }
}
