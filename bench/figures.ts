import { readFileSync } from 'node:fs'

export interface Figure {
  figure: string
  target: string
  measured: string
  met: 'yes' | 'no' | '–'
}

/** `share` 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function atMost(figure: string, measured: number, target: number, unit: string, note = ''): Figure {
  const digits = ['MB', 'calls'].includes(unit) || measured >= 100 ? 0 : 2
  return {
    figure,
    target: `≤ ${target} ${unit}`,
    measured: `${measured.toFixed(digits)} ${unit}${note}`,
    met: measured <= target ? 'yes' : 'no',
  }
}

export function atLeast(figure: string, measured: number, target: number, unit: string, note = ''): Figure {
  return {
    figure,
    target: `≥ ${target} ${unit}`,
    measured: `${measured.toFixed(measured < 10 ? 2 : 0)} ${unit}${note}`,
    met: measured >= target ? 'yes' : 'no',
  }
}

/** Nothing was promised. */
export function told(figure: string, measured: string): Figure {
  return { figure, target: '–', measured, met: '–' }
}

export function exactly(figure: string, measured: number, target: number): Figure {
  return {
    figure,
    target: String(target),
    measured: String(measured),
    met: measured === target ? 'yes' : 'no',
  }
}

/** USER_HZ, the unit of /proc/PID/stat on every common Linux. Source: proc_pid_stat(5). */
const TICKS_PER_SECOND = 100

/** User and system time of a process with all its threads, in ms; undefined where there is no /proc. */
export function cpuMs(pid: number): number | undefined {
  const stat = readProc(pid, 'stat')
  // The second member is the command in brackets and may hold spaces.
  const members = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return members && ((Number(members[11]) + Number(members[12])) * 1_000) / TICKS_PER_SECOND
}

/** Resident memory in MB (10⁶ bytes); undefined where there is no /proc. */
export function residentMb(pid: number): number | undefined {
  return memoryMb(pid, 'VmRSS')
}

/** The most that it has been so far. */
export function peakResidentMb(pid: number): number | undefined {
  return memoryMb(pid, 'VmHWM')
}

function memoryMb(pid: number, member: 'VmRSS' | 'VmHWM'): number | undefined {
  const [, kibibytes] = new RegExp(`^${member}:\\s+(\\d+) kB`, 'm').exec(readProc(pid, 'status') ?? '') ?? []
  return kibibytes === undefined ? undefined : (Number(kibibytes) * 1_024) / 1e6
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}
