// How help and mistakes in the command line are shown: help on stdout, a mistake as one line on stderr.
import { Effect } from "effect"
import { CliOutput } from "effect/cli"
import { complain } from "./Output.ts"

export const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    return Effect.sync(() => {
      for (const error of event.errors) complain(error.message.replaceAll(/\s+/g, " "))
      complain(`see \`${event.commandPath.join(" ")} --help\``)
    })
  },
}
