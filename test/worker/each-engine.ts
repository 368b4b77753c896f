/** Engines that need no server, for what is shown of a worker on each of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Errand, systemEnv, type ErrandOptions, type Store } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'

export type Open = (options?: ErrandOptions) => Errand

/** Apps of one test share a store, and are closed with it. */
const engines = {
  memory: () => new MemoryStore({ env: systemEnv() }),
  sqlite: (t: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-worker-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    return `sqlite:${join(folder, 'jobs.db')}`
  },
} satisfies Record<string, (t: TestContext) => string | Store>

export function onEach(name: string, run: (open: Open) => Promise<void>): void {
  for (const [engine, place] of Object.entries(engines)) {
    test(`${name} (${engine})`, async (t) => {
      const apps: Errand[] = []
      t.after(() => Promise.all(apps.map((app) => app.close())))
      const store = place(t)

      await run((options) => {
        const app = new Errand({ store, ...options })
        apps.push(app)
        return app
      })
    })
  }
}
