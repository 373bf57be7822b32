/** The random reads in a process of their own, whose memory settings are whoever's starts it: prints them as JSON. */
import { randomReads } from "./RandomReads.ts"

console.log(JSON.stringify(randomReads()))
