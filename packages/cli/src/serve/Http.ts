// The HTTP listener for people and machines that watch: health, metrics, and a page that says what this is.
import { createServer } from "node:http"
import { createServer as createSecureServer } from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { readTls, type TlsFiles } from "@millrace/gateway"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import type { Registry } from "prom-client"
import { type Stop, stop } from "../Stop.ts"

export interface Health {
  readonly status: "ok" | "stopping" | "failed" | "restarting"
  readonly [detail: string]: unknown
}

export interface HttpOptions {
  readonly host: string
  readonly port: number
  readonly health: () => Health
  readonly registry: Registry
  /** Speaks TLS 1.3 and nothing else. */
  readonly tls: TlsFiles | undefined
  readonly welcome: string
}

/** A scrape that is being answered may end; nobody else is waited for. */
const closeMsMax = 500
const connectionsMax = 64
const requestMsMax = 10_000
/** How often it is looked whose time for a request is over; Node's own 30 s would let a slow sender stay as long. */
const checkMs = 1_000
/** There is nothing here to be asked for at length. */
const headerBytesMax = 8_192
const httpLimits = { connectionsCheckingInterval: checkMs, maxHeaderSize: headerBytesMax }

/** Listens until the scope closes. Gives the real port, and what reads the certificate again. */
export const serveHttp = Effect.fnUntraced(function* (options: HttpOptions) {
  const routes = Layer.mergeAll(
    HttpRouter.add(
      "GET",
      "/health",
      Effect.sync(() => {
        const health = options.health()
        // A shard that restarts is away for milliseconds, the others are not: nobody should be sent elsewhere for it.
        const up = health.status === "ok" || health.status === "restarting"
        return HttpServerResponse.jsonUnsafe(health, { status: up ? 200 : 503 })
      }),
    ),
    HttpRouter.add(
      "GET",
      "/metrics",
      Effect.map(
        Effect.promise(() => options.registry.metrics()),
        (text) => HttpServerResponse.text(text, { contentType: options.registry.contentType }),
      ),
    ),
    HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.text(options.welcome))),
  )
  const { tls } = options
  const secure =
    tls === undefined
      ? undefined
      : createSecureServer({ ...httpLimits, handshakeTimeout: requestMsMax, ...readTls(tls) })
  // The one thing that a plain server has and this has not is its name: it answers requests in the same way.
  const makeServer = () => {
    const server =
      (secure as unknown as ReturnType<typeof createServer> | undefined) ?? createServer(httpLimits)
    // Each connection is a descriptor, and the journal must never lack one.
    server.maxConnections = connectionsMax
    server.headersTimeout = requestMsMax
    server.requestTimeout = requestMsMax
    return server
  }
  const listener = NodeHttpServer.layer(makeServer, {
    host: options.host,
    port: options.port,
    gracefulShutdownTimeout: closeMsMax,
  })
  const app = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })
  const context = yield* Layer.build(Layer.provideMerge(app, listener)).pipe(
    Effect.catchTag("ServeError", (error) => refused(options, error.cause)),
  )
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
  return {
    port: address._tag === "UnixPathAddress" ? options.port : address.port,
    reload: Effect.try({
      try: () => {
        if (tls !== undefined) secure?.setSecureContext(readTls(tls))
      },
      catch: (error) => stop(error instanceof Error ? error.message : String(error)),
    }),
  }
})

const refused = ({ host, port }: HttpOptions, cause: unknown): Effect.Effect<never, Stop> => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  if (code === "EADDRINUSE") {
    return stop(
      `port ${port} on ${host} (HTTP) is in use by another program: stop it, or choose another port with --http`,
    )
  }
  if (code === "EACCES") {
    return stop(
      `no permission to listen on ${host}:${port} (HTTP): ports below 1024 need a privilege; choose another with --http`,
    )
  }
  return stop(
    `cannot listen on ${host}:${port} (HTTP): ${cause instanceof Error ? cause.message : String(cause)}`,
  )
}
