/** The random reads over so many MiB in a process of their own, whose memory settings are whoever's starts it: prints them as JSON. */
import { randomReads } from "./RandomReads.ts"

console.log(JSON.stringify(randomReads(Number(process.argv[2]))))
