// k6's program: where it may be, and how it is built.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"

const VERSION = "v1.8.1"
const MODULE = `go.k6.io/k6@${VERSION}`

export const installLines: ReadonlyArray<string> = [
  `  npm run k6 -- SCENARIO --install      # or by hand: go install ${MODULE}; minutes of building, once`,
  "or name its file: --k6 FILE (https://grafana.com/docs/k6/latest/set-up/install-k6/)",
]

/** In PATH, or where `go install` puts it. */
export const findK6 = (): string | undefined => {
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const goFolders = [process.env["GOBIN"], join(process.env["GOPATH"] ?? join(homedir(), "go"), "bin")]
  return [...folders, ...goFolders]
    .flatMap((folder) => (folder === undefined || folder === "" ? [] : [join(folder, "k6")]))
    .find((file) => existsSync(file))
}

/** Builds it with Go, which checks what it downloads. Undefined when that failed; Go has said why. */
export const installK6 = (): string | undefined => {
  console.log(`k6 was not found: go install ${MODULE}`)
  const { status, error } = spawnSync("go", ["install", "-trimpath", MODULE], { stdio: "inherit" })
  if (error !== undefined) console.error("there is no Go: https://go.dev/doc/install")
  return status === 0 ? findK6() : undefined
}
