import { setTimeout as delay } from 'node:timers/promises'

const LOOK_EVERY_MS = 2

/** Resolves as soon as the condition holds; rejects with the signal's reason. */
export async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (!condition()) {
    signal.throwIfAborted()
    await delay(LOOK_EVERY_MS)
  }
}
