/** What is rare enough to be counted: a check of what never happens says nothing. */
export const happenings = [
  'a batch of several',
  'an item failed alone',
  'a batch failed whole',
  'a job held its line',
  'a job let its line go',
  'a rate was closed',
  'a closed rate opened',
  'a tick was skipped',
  'a tick was queued',
] as const

export type Happening = (typeof happenings)[number]

export type HowOften = Record<Happening, number>

export const never = (): HowOften => Object.fromEntries(happenings.map((name) => [name, 0])) as HowOften
