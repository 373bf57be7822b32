// How help and mistakes in the command line are shown: help on stdout, a mistake as one line on stderr.
import { Context, Effect, Option } from "effect"
import { CliOutput, type HelpDoc, TerminalCapabilities } from "effect/cli"
import { complain, print } from "./Output.ts"

export const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag === "Help") return presentHelp(event.helpDoc)
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    return Effect.sync(() => {
      for (const error of event.errors) complain(error.message.replaceAll(/\s+/g, " "))
      complain(`see \`${event.commandPath.join(" ")} --help\``)
    })
  },
}

const presentHelp = (doc: HelpDoc.HelpDoc): Effect.Effect<void> =>
  Effect.map(Effect.context<never>(), (context) => {
    const { canColor } = Context.get(context, TerminalCapabilities.TerminalCapabilities)
    print(helpText(doc, CliOutput.defaultFormatter({ colors: canColor })))
  })

/** Flags that must be given say so, and the examples stand apart from the list of commands. */
const helpText = (doc: HelpDoc.HelpDoc, formatter: CliOutput.Formatter): string =>
  formatter
    .formatHelpDoc({ ...doc, flags: doc.flags.map(withRequired) })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escapes
    .replace(/([^\n])\n((?:\u001b\[[0-9;]*m)*EXAMPLES)/, "$1\n\n$2")

const withRequired = (flag: HelpDoc.FlagDoc): HelpDoc.FlagDoc =>
  flag.required
    ? { ...flag, description: Option.map(flag.description, (text) => `${text} (required)`) }
    : flag
