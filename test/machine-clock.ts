/** The clock of the machine that a test runs on, as an administrator may set it. The monotonic one goes on as ever. */
export interface MachineClock extends Disposable {
  set(byMs: number): void
}

/** For everything in this process that asks for the date, libraries included. */
export function takeMachineClock(): MachineClock {
  const RealDate = globalThis.Date
  let aheadMs = 0
  globalThis.Date = class extends RealDate {
    constructor(...given: [] | [string | number | Date]) {
      if (given.length === 0) super(RealDate.now() + aheadMs)
      else super(...given)
    }
    static override now(): number {
      return RealDate.now() + aheadMs
    }
  } as DateConstructor
  return {
    set(byMs) {
      aheadMs += byMs
    },
    [Symbol.dispose]() {
      globalThis.Date = RealDate
    },
  }
}
