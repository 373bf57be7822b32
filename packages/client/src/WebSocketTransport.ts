// The transport over WebSocket: "ws://host:port" and "wss://host:port", on the platform's own WebSocket, so browsers have it too.
import { eachMessage, FRAME_LENGTH_FIELD_BYTES } from "@millrace/protocol"
import type { Transport } from "./Transport.ts"

/** A message that came, with the length in front that it has on a stream. */
const framed = (message: ArrayBuffer): Uint8Array => {
  const bytes = new Uint8Array(FRAME_LENGTH_FIELD_BYTES + message.byteLength)
  new DataView(bytes.buffer).setUint32(0, message.byteLength, true)
  bytes.set(new Uint8Array(message), FRAME_LENGTH_FIELD_BYTES)
  return bytes
}

const open: Transport["open"] = (url, events) => {
  let problem: string | null = null
  let ended = false
  const end = (): void => {
    if (ended) return
    ended = true
    events.closed(problem)
  }
  const socket = new WebSocket(url)
  socket.binaryType = "arraybuffer"
  socket.onopen = () => {
    if (!ended) events.opened()
  }
  socket.onmessage = ({ data }: { readonly data?: unknown }) => {
    if (data instanceof ArrayBuffer && !ended) events.data(framed(data))
  }
  // What went wrong is kept from pages, so there is not always a word about it.
  socket.onerror = (event) => {
    problem =
      "message" in event && typeof event.message === "string" && event.message !== ""
        ? event.message
        : "no WebSocket connection"
  }
  socket.onclose = end
  return {
    write: (bytes) => {
      if (socket.readyState !== WebSocket.OPEN) return
      // A view of a buffer that is not shared: that is what every frame of ours is.
      eachMessage(bytes, (message) => socket.send(message as Uint8Array<ArrayBuffer>))
    },
    close: () => {
      socket.close()
      // The closing handshake is not waited for: whoever stopped listening may be why.
      queueMicrotask(end)
    },
  }
}

/** For "ws:" or "wss:". */
export const webSocketTransport = (protocol: "ws:" | "wss:"): Transport => ({ protocol, open })
