import { shareOfHistories } from './simulator/share.ts'

shareOfHistories({ engine: 'sqlite', first: 200_001, tests: 3, each: 70 })
