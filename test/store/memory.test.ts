import { conformance } from '../../src/testing/conformance/conformance.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'

conformance({ name: 'memory', open: async (env) => new MemoryStore({ env }) })
