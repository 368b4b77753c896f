/**
 * Engines that do not have a feature of the contract yet: the suites leave it out for them. Temporary: an engine's name
 * goes when it has the feature, and this file with the last name.
 */
export const lacking: Readonly<Record<'keptSlots' | 'closedRates' | 'pinnedLimits' | 'gathering', readonly string[]>> =
  {
    /** `keepsSlot` and ordered lanes. */
    keptSlots: [],
    closedRates: [],
    pinnedLimits: [],
    gathering: [],
  }
