import { after, describe } from 'node:test'
import { callersTransactions } from './callers-transactions.ts'
import { cancelling } from './cancelling.ts'
import { cascades } from './cascades.ts'
import { changing } from './changing.ts'
import { claiming } from './claiming.ts'
import { closing } from './closing.ts'
import { closingRates } from './closing-rates.ts'
import { counting } from './counting.ts'
import { crowds } from './crowds.ts'
import { dependencies } from './dependencies.ts'
import { expiry } from './expiry.ts'
import { finding } from './finding.ts'
import { gathering } from './gathering.ts'
import { givingBack } from './giving-back.ts'
import { goingOn } from './going-on.ts'
import type { StoreHarness } from './harness.ts'
import { held } from './held.ts'
import { holdingTheLine } from './holding-the-line.ts'
import { inserting } from './inserting.ts'
import { lanes } from './lanes.ts'
import { leases } from './leases.ts'
import { messages } from './messages.ts'
import { moving } from './moving.ts'
import { movingDependencies } from './moving-dependencies.ts'
import { movingLimits } from './moving-limits.ts'
import { movingSchedules } from './moving-schedules.ts'
import { pausing } from './pausing.ts'
import { pinnedLimits } from './pinned-limits.ts'
import { priorities } from './priorities.ts'
import { rates } from './rates.ts'
import { removing } from './removing.ts'
import { reporting } from './reporting.ts'
import { resuming } from './resuming.ts'
import { retention } from './retention.ts'
import { retrying } from './retrying.ts'
import { schedules } from './schedules.ts'
import { settling } from './settling.ts'
import { sharing } from './sharing.ts'
import { starting } from './starting.ts'
import { suspects } from './suspects.ts'
import { telling } from './telling.ts'
import { timedWaits } from './timed-waits.ts'
import { uniqueKeys } from './unique-keys.ts'
import { unusableTimes } from './unusable-times.ts'
import { settled } from './settled.ts'
import { soon } from './soon.ts'
import { waiting } from './waiting.ts'

const subjects: Record<string, (harness: StoreHarness) => void> = {
  inserting,
  claiming,
  priorities,
  settling,
  crowds,
  'giving back': givingBack,
  'going on': goingOn,
  'timed waits': timedWaits,
  'leases and rescue': leases,
  suspects,
  'what handlers start': starting,
  cancelling,
  retrying,
  'retrying what waited': resuming,
  changing,
  removing,
  'unique keys': uniqueKeys,
  'unusable times': unusableTimes,
  dependencies,
  cascades,
  'held jobs': held,
  lanes,
  'holding the line': holdingTheLine,
  rates,
  'closing rates': closingRates,
  'limits by name': pinnedLimits,
  gathering,
  expiry,
  retention,
  schedules,
  reporting,
  finding,
  counting,
  pausing,
  events: telling,
  waiting,
  'what is due soon': soon,
  'waiting for results': settled,
  messages,
  "callers' transactions": callersTransactions,
  sharing,
  moving,
  'moving dependencies': movingDependencies,
  'moving limits and keys': movingLimits,
  'moving schedules': movingSchedules,
  closing,
}

/** Everything a store must do, by subject. Each engine's test file calls this once. */
export function conformance(harness: StoreHarness): void {
  describe(`${harness.name} store`, () => {
    after(() => harness.cleanup?.())
    for (const [subject, tests] of Object.entries(subjects)) describe(subject, () => tests(harness))
  })
}
