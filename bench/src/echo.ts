/** Not a benchmark: the bare library as a server, run by `connections` beside the engine. Says each binary message again. */
import { App, us_socket_local_port } from "uWebSockets.js"

App()
  .ws("/", { message: (ws, message) => void ws.send(message, true) })
  .listen("127.0.0.1", Number(process.argv[2] ?? 0), (socket) => {
    if (socket === false) process.exit(1)
    console.log(`ready ws=127.0.0.1:${us_socket_local_port(socket)}`)
  })
