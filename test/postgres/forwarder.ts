import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** An address that stays while what is behind it changes; it counts how often one side waited for the other. */
export class Forwarder implements AsyncDisposable {
  readonly port: number
  /** A burst of the client after an answer of the server, over all connections. */
  roundTrips = 0
  #target: number
  readonly #close: () => Promise<void>
  readonly #sockets: Set<Socket>

  private constructor(port: number, target: number, sockets: Set<Socket>, close: () => Promise<void>) {
    this.port = port
    this.#target = target
    this.#sockets = sockets
    this.#close = close
  }

  static async listen(target: number): Promise<Forwarder> {
    const sockets = new Set<Socket>()
    const server = createServer((client) => forwarder.#join(client))
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, HOST, resolve))
    const close = () => new Promise<void>((resolve) => void server.close(() => resolve()))
    const forwarder = new Forwarder((server.address() as AddressInfo).port, target, sockets, close)
    return forwarder
  }

  /** The same database URL by this address. */
  urlOf(url: string): string {
    return Object.assign(new URL(url), { port: String(this.port) }).href
  }

  /** New connections go there; those that are open are cut. */
  pointTo(target: number): void {
    this.#target = target
    this.cut()
  }

  /** Nothing comes through any more, and nobody is told. */
  swallow(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#close()
    this.cut()
    await closed
  }

  #join(client: Socket): void {
    const server = connect(this.#target, HOST)
    let asked = false
    client.on('data', () => {
      if (!asked) this.roundTrips += 1
      asked = true
    })
    server.on('data', () => {
      asked = false
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(server).pipe(client)
  }
}
