import { layer as nodeServices } from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { CliOutput, Command } from "effect/cli"
import { afterAll, expect, it } from "vitest"
import { program } from "../src/Program.ts"
import { runHere } from "./here.ts"
import { cleanUp, type Ended, run } from "./program.ts"

afterAll(cleanUp)

const commands = [
  "serve",
  "demo",
  "pos",
  "load",
  "replay",
  "provision",
  "card show",
  "card history",
  "card activate",
  "card lock",
  "card unlock",
  "card lost",
  "card stolen",
  "card cancel",
  "card return",
  "card blacklist",
  "card release",
  "card name",
  "card replace",
  "card pin",
  "code",
  "totals",
  "query",
  "rotate-key",
  "keys status",
  "keys rotate-data",
  "keys rotate-master",
  "keys retire",
  "journal verify",
  "journal dump",
  "journal stat",
  "journal repair",
  "backup",
  "backup verify",
  "restore",
  "simulate",
]

/** What a command line would show, without a process. */
const present = async (line: string): Promise<CliOutput.Presenter.Event | undefined> => {
  let shown: CliOutput.Presenter.Event | undefined
  const presenter: CliOutput.Presenter = {
    present: (event) =>
      Effect.sync(() => {
        shown = event
      }),
  }
  const layers = Layer.mergeAll(nodeServices, CliOutput.layerPresenter(presenter))
  const running = Command.runWith(program, { version: "0" })(line.split(" ")).pipe(Effect.provide(layers))
  await Effect.runPromiseExit(running)
  return shown
}

it.each(commands)(
  "millrace %s has help: what it does, what each flag means, and an example",
  async (command) => {
    const event = await present(`${command} --help`)
    const help = event?._tag === "Help" ? event.helpDoc : undefined
    expect(help?.description).toMatch(/^[A-Z].{10}/)
    expect(help?.examples?.length).toBeGreaterThan(0)
    for (const example of help?.examples ?? []) {
      expect(example.command).toMatch(new RegExp(`^millrace ${command}`))
      // An example that the program does not understand would be worse than none.
      const parsed = await present(`${example.command.slice("millrace ".length)} --help`)
      expect(parsed?._tag).toBe("Help")
    }
  },
)

it("help goes to stdout; a mistake goes to stderr with where to look, exit code 2", async () => {
  const [help, flag, mix] = await Promise.all([
    run(["load", "--help"]),
    run(["serve", "--dta", "x"]),
    run(["load", "--mix", "gift=1"]),
  ])
  expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("EXAMPLES\n  # ") })
  expect([flag.code, flag.stdout, mix.code, mix.stdout]).toEqual([2, "", 2, ""])
  expect(flag.stderr).toMatch(
    /^millrace: Unrecognized flag: --dta .*--data\nmillrace: see `millrace serve --help`\n$/,
  )
  expect(mix.stderr).toBe(
    'millrace: --mix: "gift" is not one of purchase, recharge, balance, preauthorisation, transfer\n',
  )
})

it("a port that is none is a mistake in the command line, whatever is wrong with it", async () => {
  const wrong = ["abc", "70000", "-1", "1.5"]
  const ended: Array<Ended> = []
  for (const port of wrong) ended.push(await runHere(["serve", `--tcp=${port}`]))
  for (const { code, stdout, stderr } of ended) {
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toBe("millrace: --tcp must be a whole number from 0 to 65535\n")
  }
})

it("help says which flags must be given, and keeps examples apart", async () => {
  const replace = await runHere(["card", "replace", "--help"])
  expect(replace.stdout).toMatch(/--reason TEXT .* \(required\)\n/)
  expect(replace.stdout).not.toMatch(/--holder NAME .* \(required\)/)
  const group = await runHere(["card", "--help"])
  expect(group.stdout).toMatch(/\n\nEXAMPLES\n/)
})

it("an address that is none is a mistake in the command line: nobody is asked for", async () => {
  const { code, stdout, stderr } = await runHere(["card", "show", "5", "--url", "foo"])
  expect([code, stdout]).toEqual([2, ""])
  expect(stderr).toMatch(/^millrace: Invalid value for flag --url: "foo"\. Expected: tcp:\/\/HOST:PORT/)
  expect(stderr).not.toContain("running there")
})
