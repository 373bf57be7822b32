// A year of a real bank through a socket: replayed, replayed again, and killed in the middle.
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { removeDirectory, Server, temporaryDirectory } from "./src/Server.ts"

const program = fileURLToPath(new URL("../packages/cli/bin/millrace", import.meta.url))
const movements = fileURLToPath(new URL("data/bank-movements-1993.csv", import.meta.url))

const directories: Array<string> = []
const newDirectory = (): string => {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory
}
afterAll(() => directories.forEach(removeDirectory))

/** What the bank's file comes to, folded by hand from zero balances (data/README.md). */
const folded = {
  sent: 28_205,
  approved: 28_191,
  declined: { "51": 14 },
  cards: 1_139,
  balanceTotal: 3_707_160_310,
}

interface Replayed {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const replay = (server: { readonly port: number; readonly data: string }, ...more: ReadonlyArray<string>) =>
  new Promise<Replayed>((resolve, reject) => {
    const flags = ["--url", `tcp://127.0.0.1:${server.port}`, "--data", server.data, "--json"]
    const child = spawn(program, ["replay", movements, ...flags, ...more], {
      stdio: ["ignore", "pipe", "pipe"],
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  })

const answered = async (server: Server): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${server.httpPort}/metrics`)).text()
  const counts = [...text.matchAll(/^millrace_transactions_total\{response="\d\d"\} (\d+)$/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

describe("the bank's movements of 1993", () => {
  it("come to the balances that the bank's own file comes to; sent again, every answer is the first and nothing moves", async () => {
    const server = await Server.start({ data: newDirectory() })
    const first = await replay(server)
    expect(first).toEqual({ code: 0, stdout: `${JSON.stringify(inOrder(0))}\n`, stderr: "" })
    const second = await replay(server)
    expect(second).toEqual({ code: 0, stdout: `${JSON.stringify(inOrder(28_205))}\n`, stderr: "" })
    expect((await server.stopped()).code).toBe(0)
  })

  it("come to the same when the server is killed in the middle and they are replayed from the start", async () => {
    const data = newDirectory()
    // Few records a commit: hundreds of commits lie between the first thousand and the end.
    const first = await Server.start({ data, settings: { MILLRACE_LIMITS_RECORDS_IN_FLIGHT_MAX: 64 } })
    const replaying = replay(first, "--patience", "1")
    while ((await answered(first)) < 1_000) await new Promise((resolve) => setTimeout(resolve, 2))
    await first.killed()
    const cut = await replaying
    expect(cut.code).toBe(1)
    expect(cut.stdout).toBe("")
    expect(cut.stderr).toMatch(
      /millrace: no answer from .* for 1 s: .*Run the same replay again: nothing is done twice\.\n$/,
    )

    const second = await Server.start({ data })
    const whole = await replay(second)
    expect(whole.code).toBe(0)
    const result = JSON.parse(whole.stdout)
    expect(result).toMatchObject(folded)
    expect(result.duplicates).toBeGreaterThanOrEqual(1_000)
    expect(result.duplicates).toBeLessThan(28_205)
    await second.killed()
  })
})

/** The line's keys in the contract's order. */
function inOrder(duplicates: number) {
  const { sent, approved, declined, cards, balanceTotal } = folded
  return { sent, approved, declined, duplicates, cards, balanceTotal }
}
