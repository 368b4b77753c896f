import { shareOfHistories } from './simulator/share.ts'

shareOfHistories({ engine: 'memory', first: 1, tests: 5, each: 1980 })
