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

let outlives = false

/** From now on the program goes on when nobody reads its streams: a server is not ended by who watched it. */
export const outliveReaders = (): void => {
  outlives = true
}

/** What a stream's reader that went away, or another error of a stream, means for the program. */
export const watchStreams = (end: (readerLeft: boolean) => void): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (!outlives) end(error.code === "EPIPE")
  })
  // There is nowhere left to say it, and what the program does for others is worth more than its words.
  process.stderr.on("error", () => {})
}

/** Where a server says what it does; a program around it may want silence. */
export interface Voice {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}
