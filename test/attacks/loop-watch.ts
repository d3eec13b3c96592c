/**
 * Loaded into the service by --import. For each SIGUSR2 it writes how long the event loop was held at most since the
 * one before. `heldMs` is processor time between two turns of a timer, which no other process lengthens; `lateMs` is
 * by the clock, with what the disk and other processes take.
 */

const LOOK_MS = 5

let before = process.threadCpuUsage()
let beforeMs = performance.now()
let heldMs = 0
let lateMs = 0

setInterval(() => {
  const now = process.threadCpuUsage()
  const nowMs = performance.now()
  lateMs = Math.max(lateMs, nowMs - beforeMs - LOOK_MS)
  beforeMs = nowMs
  heldMs = Math.max(heldMs, (now.user + now.system - before.user - before.system) / 1_000)
  before = now
}, LOOK_MS)

process.on('SIGUSR2', () => {
  process.stdout.write(`${JSON.stringify({ event: 'loop-held', heldMs, lateMs })}\n`)
  heldMs = 0
  lateMs = 0
})
