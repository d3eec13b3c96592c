import type { Lanes, QuotaAsk, QuotaBlock } from './port.ts'
import type { Lane } from './waiting-line.ts'

/** A block of starts as its replica uses it up. */
export interface Block extends QuotaBlock {
  number: number
  sentAtMs: number
  /** Starts that are left of it, and how many were made. */
  left: Lanes
  spent: number
  /** Slots that were asked for. */
  wanted: number
  /** Whether others have what was asked for. */
  isShortOfStarts: boolean
  isShortOfSlots: boolean
}

export function openBlock(block: QuotaBlock, ask: QuotaAsk, sentAtMs: number): Block {
  const wanted = ask.inFlight + total(ask.waiting)
  return {
    ...block,
    number: ask.number,
    sentAtMs,
    left: block.starts,
    spent: 0,
    wanted,
    // Without a slot nobody was given a start.
    isShortOfStarts: block.slots.calls > 0 && total(block.starts) < total(ask.starts),
    isShortOfSlots: block.slots.calls < wanted,
  }
}

/** A clock that was set back is behind the block's beginning, and ends it too. */
export function permits(block: Block, lane: Lane, inFlight: number, nowMs: number): boolean {
  const { fromMs, untilMs, slots, left } = block
  if (nowMs < fromMs || nowMs >= untilMs) return false
  if (lane === undefined) return inFlight < slots.calls && total(left) > 0
  return inFlight < slots.background && left.background > 0
}

/** Whoever is not the background takes its own starts first, then the background's. */
export function spend(block: Block, lane: Lane): Block {
  const { calls, background } = block.left
  const ownFirst = lane === undefined && calls > 0
  const left = ownFirst ? { calls: calls - 1, background } : { calls, background: background - 1 }
  return { ...block, left, spent: block.spent + 1 }
}

export function close(block: Block): Block {
  return { ...block, untilMs: Number.NEGATIVE_INFINITY }
}

/**
 * Epoch ms from which on it makes sense to ask again when the block does not permit a start: at once where it was
 * used, is over, or more is wanted by now; later where it was all that others had left.
 */
export function askAgainAtMs(block: Block, wanted: number, nowMs: number, retryMs: number): number {
  const { fromMs, untilMs, sentAtMs, slots, spent } = block
  if (nowMs < fromMs && total(block.left) > 0) return fromMs
  if (block.isShortOfStarts) return sentAtMs + retryMs
  if (block.isShortOfSlots) return slots.calls > 0 ? untilMs : sentAtMs + retryMs
  return spent > 0 || wanted > block.wanted || nowMs >= untilMs ? nowMs : sentAtMs + retryMs
}

export function total({ calls, background }: Lanes): number {
  return calls + background
}
