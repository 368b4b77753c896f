/** Names of what the worker keeps for a job beside the steps of its handler. */

/** No name of a handler's own step begins so. */
export const ownMark = '~'

/** Apart from the steps: a later version of a handler may sleep under the name that a step had. */
export const sleepName = (name: string): string => `${ownMark}until ${name}`
/** Each time that its flow is retried by hand, one that took too long has its time anew: a round. */
export const limitName = (name: string, round: number): string => `${ownMark}limit${roundMark(round)} ${name}`
export const overName = (name: string, round: number): string => `${ownMark}over${roundMark(round)} ${name}`
/** Its job has failed by that, so who retries both gives it another round. */
export const failedName = (name: string, round: number): string => `${ownMark}failed${roundMark(round)} ${name}`
const roundMark = (round: number) => (round === 0 ? '' : `:${round}`)

const startMark = `${ownMark}started `

/** When the first attempt began, as it was written under this claim. */
export const startName = (claim: number): string => `${startMark}${claim}`
/** The claim under which it was written. */
export const claimOfStart = (name: string): number | undefined =>
  name.startsWith(startMark) ? Number(name.slice(startMark.length)) : undefined
