import { shareOfHistories } from './simulator/share.ts'

shareOfHistories({ engine: 'memory', first: 100_001, tests: 10, each: 990 })
