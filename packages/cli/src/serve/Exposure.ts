// Who can read what goes over the network: TLS from the settings, or plain text where that was asked for.
import { readTls, type TlsFiles } from "@millrace/gateway"
import { Effect } from "effect"
import type { Settings } from "../config/Settings.ts"
import type { Voice } from "../Output.ts"
import { type Stop, stop } from "../Stop.ts"

export interface ServerTls extends TlsFiles {
  readonly requireClientCert: boolean
}

/** The files of tls, which can be used; undefined when there is to be none. */
export const tlsOf = ({ tls }: Settings): Effect.Effect<ServerTls | undefined, Stop> => {
  const { cert, key, ca, requireClientCert } = tls
  if (cert === undefined && key === undefined) {
    return ca === undefined && !requireClientCert
      ? Effect.undefined
      : stop("tls.ca and tls.requireClientCert need tls.cert and tls.key: set them, or leave all of tls out")
  }
  if (cert === undefined || key === undefined)
    return stop("tls.cert and tls.key go together: set both, or leave both out")
  if (requireClientCert && ca === undefined)
    return stop("tls.requireClientCert needs tls.ca: the authority that signs the certificates of hosts")
  const files = { cert, key, ...(ca === undefined ? {} : { ca }), requireClientCert }
  return Effect.try({
    try: () => {
      readTls(files)
      return files
    },
    catch: (error) => stop(error instanceof Error ? error.message : String(error)),
  })
}

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\./.test(host)

/** Plain text beyond this machine only by an explicit setting, and never silently. */
export const warnOfExposure = (
  { host, http, allowPlain }: Settings,
  tls: ServerTls | undefined,
  { complain }: Voice,
): Effect.Effect<void, Stop> =>
  Effect.suspend(() => {
    if (http.host !== undefined && !isLoopback(http.host)) {
      complain(
        `WARNING: whoever reaches ${http.host} can read health and metrics; nothing can be changed there.`,
      )
    }
    if (isLoopback(host) || tls !== undefined) return Effect.void
    if (!allowPlain) {
      return stop(
        `listening on ${host} without TLS would show card numbers to the network: set tls.cert and tls.key, ` +
          "set host to 127.0.0.1, or set allowPlain (--allow-plain) when a TLS proxy or a private network is in front",
      )
    }
    complain(
      `WARNING: listening on ${host} WITHOUT ENCRYPTION: who can see the network can read card numbers.`,
    )
    complain("WARNING: have a TLS proxy or a private network in front of it, or set tls.cert and tls.key.")
    return Effect.void
  })

/** SIGHUP reads the certificates again until the scope closes. What can't be used changes nothing. */
export const reloadOnHangup = (reload: Effect.Effect<string, { readonly message: string }>, voice: Voice) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const read = reload.pipe(
        Effect.match({
          onSuccess: (done) => voice.say(done),
          onFailure: ({ message }) =>
            voice.complain(`the certificates were not read again, the old ones stay: ${message}`),
        }),
      )
      const onHangup = () => void Effect.runFork(read)
      process.on("SIGHUP", onHangup)
      return onHangup
    }),
    (onHangup) => Effect.sync(() => process.off("SIGHUP", onHangup)),
  )
