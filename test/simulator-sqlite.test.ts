import { shareOfHistories } from './simulator/share.ts'

shareOfHistories({ engine: 'sqlite', first: 200_001, tests: 6, each: 35 })
