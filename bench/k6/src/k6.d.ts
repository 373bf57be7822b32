// What is used here of k6's own modules.
declare module "k6/websockets" {
  export class WebSocket {
    constructor(url: string)
    binaryType: "blob" | "arraybuffer"
    onopen: () => void
    onmessage: (event: { readonly data: ArrayBuffer | string }) => void
    onclose: () => void
    onerror: (event: { readonly error?: string }) => void
    send(data: ArrayBuffer): void
    close(): void
  }
}

declare module "k6/crypto" {
  export const hmac: (algorithm: "sha256", key: ArrayBuffer, data: ArrayBuffer, as: "binary") => ArrayBuffer
  export const randomBytes: (bytes: number) => ArrayBuffer
}

declare module "k6/metrics" {
  export class Counter {
    constructor(name: string)
    add(value: number): void
  }
  export class Rate {
    constructor(name: string)
    add(value: boolean): void
  }
  export class Trend {
    constructor(name: string, isTime: boolean)
    add(value: number): void
  }
}

declare module "k6/execution" {
  const execution: {
    readonly vu: { readonly idInTest: number }
    /** Milliseconds with fractions, by a clock that does not step. */
    readonly instance: { readonly currentTestRunDuration: number }
  }
  export default execution
}
