import { after, describe } from 'node:test'
import { claiming } from './claiming.ts'
import type { StoreHarness } from './harness.ts'
import { inserting } from './inserting.ts'

const subjects = { inserting, claiming }

/** Everything a store must do, by subject. Each engine's test file calls this once. */
export function conformance(harness: StoreHarness): void {
  describe(`${harness.name} store`, () => {
    after(() => harness.cleanup?.())
    for (const [subject, tests] of Object.entries(subjects)) describe(subject, () => tests(harness))
  })
}
