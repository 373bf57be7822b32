// Preloaded into a child on standby: the program's modules are loaded, then it waits for a word on its fourth descriptor.
// What follows is the program as it always is. Loading takes seconds of a core, serving begins in some 100 ms.
import { Socket } from "node:net"
import { isMainThread } from "node:worker_threads"

if (isMainThread) {
  await import("../../packages/cli/src/Program.ts")
  await import("../../packages/cli/src/serve/Serve.ts")
  const word = new Socket({ fd: 3, writable: false })
  // Nobody is there any more who could say it.
  const orphaned = () => process.exit(1)
  word.once("close", orphaned)
  await new Promise((resolve) => word.once("data", resolve))
  word.off("close", orphaned)
  word.destroy()
}
