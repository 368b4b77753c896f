/** Times and lengths of time, as people read them. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** `12 ms`, `1.2 s`, `3 m 20 s`, `2 d 4 h`. */
export function length(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1000) return `${whole} ms`
  if (whole < 10_000) return `${(whole / 1000).toFixed(1).replace('.0', '')} s`
  const at = units.findIndex(([, unit]) => whole >= unit)
  const [name, unit] = units[at]!
  const [nextName, next] = units[at + 1] ?? ['', 0]
  const rest = next ? Math.floor((whole % unit) / next) : 0

  return `${Math.floor(whole / unit)} ${name}${rest > 0 ? ` ${rest} ${nextName}` : ''}`
}

/** `3 m 20 s ago`, or `in 5 m` for what is to come. */
export function relative(moment: Date, now: number = Date.now()): string {
  const ms = now - moment.getTime()
  if (Number.isNaN(ms)) return 'at an unreadable time'

  return ms < 0 ? `in ${length(-ms)}` : `${length(ms)} ago`
}

/** Of a tick: one that should have been is about to be. */
export const tickText = (tick: Date, now: number = Date.now()): string =>
  tick.getTime() <= now ? 'now' : relative(tick, now)

/** The time of day here, to the millisecond, for lines that follow one another. */
export function clockTime(at: number | Date): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')

  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
