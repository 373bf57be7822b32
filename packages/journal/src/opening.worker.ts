/** The thread of ReadAhead.ts. Its first message says that it has begun, each later one answers. */
import { parentPort } from "node:worker_threads"
import { openInPlace, type Sealed } from "./seal.ts"

// Given by ReadAhead.ts, of the same version.
parentPort!.on("message", (all: ReadonlyArray<Sealed>) => parentPort!.postMessage(openInPlace(all)))
parentPort!.postMessage(0)
