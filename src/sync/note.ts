import type { CycleReport } from './control.ts'

/** Rises when an older version could not show what a newer one writes: replicas of both run side by side. */
const FORMAT = 1

/** What the replica that leads tells the others through the store. */
export function writeNote(report: CycleReport): string {
  return JSON.stringify({ format: FORMAT, report })
}

/** undefined = nobody has said anything yet, or in another format. */
export function readNote(note: string | undefined): CycleReport | undefined {
  if (note === undefined) return undefined
  const { format, report } = JSON.parse(note) as { format: number; report: CycleReport }
  return format === FORMAT ? report : undefined
}
