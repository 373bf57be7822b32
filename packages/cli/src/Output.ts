// The two streams: stdout for what scripts read, stderr for what people read.

/** A line for scripts. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** A line for people. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`)

export const PROGRAM = "millrace"

/** A line about what went wrong, or may. */
export const complain = (line: string): void => say(`${PROGRAM}: ${line}`)

/** A line that the next one takes the place of, at a terminal; elsewhere every line stays. */
export const progress = (line: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`)
  else say(line)
}

/** Ends a row of `progress` lines. */
export const progressEnds = (): void => {
  if (process.stderr.isTTY) process.stderr.write("\n")
}
