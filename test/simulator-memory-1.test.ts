import { shareOfHistories } from './simulator/share.ts'

shareOfHistories({ engine: 'memory', first: 1, tests: 10, each: 990 })
