import { PassThrough } from "node:stream"
import { expect, it } from "vitest"
import { Keyboard } from "../../src/pos/Keyboard.ts"

const keyboard = () => {
  const input = new PassThrough()
  let shown = ""
  const keys = new Keyboard(input, (text) => {
    shown += text
  })
  return { input, keys, shown: () => shown }
}

it("gives keys one by one, in whatever pieces they come, and none for arrows", async () => {
  const { input, keys } = keyboard()
  input.write("ab")
  input.write("\u001b[A\u001bOPcé")
  expect([await keys.key(), await keys.key(), await keys.key(), await keys.key()]).toEqual([
    "a",
    "b",
    "c",
    "é",
  ])
  const later = keys.key()
  input.write("d")
  expect(await later).toBe("d")
  input.end()
  expect(await keys.key()).toBeUndefined()
})

it("shows a line as it is typed, with mistakes wiped out", async () => {
  const { input, keys, shown } = keyboard()
  input.write("\u007f12x\b.50\r")
  expect(await keys.line("Amount: ")).toBe("12.50")
  expect(shown()).toBe("Amount: 12x\b \b.50\n")
})

it("shows nothing of what is hidden but how much it is", async () => {
  const { input, keys, shown } = keyboard()
  input.write("1234\r")
  expect(await keys.line("PIN: ", "hidden")).toBe("1234")
  expect(shown()).toBe("PIN: ****\n")
})

it("lets a line be given up, and the till be left", async () => {
  const { input, keys } = keyboard()
  input.write("12")
  const line = keys.line("")
  input.write("\u001b")
  expect(await line).toBeUndefined()
  input.write("\u0003")
  expect(await keys.line("")).toBeUndefined()
  keys.close()
  expect(await keys.key()).toBeUndefined()
})
