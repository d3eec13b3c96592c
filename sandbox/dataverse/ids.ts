/** Ids made by the server look sequential, as real ones do. */
export function sequentialIds(): () => string {
  let sequence = 0x5f0a31c0
  return () => {
    sequence += 1
    return `${sequence.toString(16).padStart(8, '0')}-17c3-f011-bec2-000d3a8b1a2c`
  }
}
