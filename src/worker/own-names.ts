/** Names of what the worker keeps for a job beside the steps of its handler. */

/** No name of a handler's own step begins so. */
export const ownMark = '~'

/** Apart from the steps: a later version of a handler may sleep under the name that a step had. */
export const sleepName = (name: string): string => `${ownMark}until ${name}`
export const limitName = (name: string): string => `${ownMark}limit ${name}`
export const overName = (name: string): string => `${ownMark}over ${name}`

const startMark = `${ownMark}started `

/** When the first attempt began, as it was written under this claim. */
export const startName = (claim: number): string => `${startMark}${claim}`
/** The claim under which it was written. */
export const claimOfStart = (name: string): number | undefined =>
  name.startsWith(startMark) ? Number(name.slice(startMark.length)) : undefined
