/// <reference lib="esnext.temporal" />
/** The zones that change their clocks in two years, and when. */

export interface ClockChange {
  readonly zone: string
  readonly change: number
}

const window = { from: Date.parse('2026-01-01T00:00Z'), to: Date.parse('2028-01-01T00:00Z') }

export function everyChange(): ClockChange[] {
  return Intl.supportedValuesOf('timeZone').flatMap(changesOf)
}

function changesOf(zone: string): ClockChange[] {
  const found: ClockChange[] = []
  let now = Temporal.Instant.fromEpochMilliseconds(window.from).toZonedDateTimeISO(zone)
  for (;;) {
    const next = now.getTimeZoneTransition('next')
    if (!next || next.epochMilliseconds >= window.to) return found
    found.push({ zone, change: next.epochMilliseconds })
    now = next
  }
}
