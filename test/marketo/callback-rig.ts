import { isIP } from 'node:net'
import { systemClock } from '../../src/clock.ts'
import {
  type Callback,
  type CallbackSenderOptions,
  createCallbackSender,
} from '../../src/marketo/callback.ts'

const hosts = ['adobe.io', 'adobe.com', 'marketo.com', 'mktorest.com']

/** A sender whose names resolve as told, with everything that it said. */
export function callbackRig(
  options: Partial<CallbackSenderOptions> & { addresses?: readonly string[] } = {},
) {
  const { addresses = [], ...rest } = options
  const lookedUp: string[] = []
  const lines: string[] = []
  const keep = (event: object) => void lines.push(JSON.stringify(event))
  const sender = createCallbackSender({
    hosts,
    allowLoopback: false,
    clock: systemClock,
    log: { debug: keep, warn: keep },
    lookup: async (hostname) => {
      lookedUp.push(hostname)
      return addresses.map((address) => ({ address, family: isIP(address) }))
    },
    ...rest,
  })
  const send = (callback: Partial<Callback>, signal = new AbortController().signal) =>
    sender.send(
      { url: 'https://x.adobe.io/', key: 'key-1', token: 'token-1', body: ['{}'], ...callback },
      signal,
    )
  return { sender, send, lookedUp, lines }
}
