/** The door `errand/testing`: a world that tests move, and the suites for engines of your own. */

/** Time, chance and identity, at your command. */
export { ManualEnv, type ManualEnvOptions } from './manual-env.ts'

/** Everything a store must do, and whether two of them agree. */
export { conformance } from './conformance/conformance.ts'
export type { StoreHarness } from './conformance/harness.ts'
export { agreement, type AgreementOptions } from './agreement/agreement.ts'
export type { Script } from './agreement/script.ts'

/** Jobs, turns and workers with everything filled in. */
export { aJob, aSettlement, aTurn, aWorker } from './conformance/builders.ts'
