/** Not a benchmark: a bare server, run beside the engine. Says again what it hears, over node:net or uWebSockets.js. */

import { App, us_socket_local_port } from "uWebSockets.js"
import { createServer } from "node:net"

const ready = (address: string) => console.log(`ready ${address}`)

if (process.argv[2] === "tcp") {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    socket.on("data", (chunk) => void socket.write(chunk))
  })
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 }, () => {
    const bound = server.address()
    if (typeof bound === "object" && bound !== null) ready(`tcp=127.0.0.1:${bound.port}`)
  })
} else {
  App()
    .ws("/", {
      maxPayloadLength: 2 ** 20,
      maxBackpressure: 2 ** 26,
      message: (ws, message) => void ws.send(message, true),
    })
    .listen("127.0.0.1", 0, (socket) => {
      if (socket === false) process.exit(1)
      ready(`ws=127.0.0.1:${us_socket_local_port(socket)}`)
    })
}
