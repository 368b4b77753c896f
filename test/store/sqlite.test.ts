import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { conformance } from '../../src/testing/conformance/conformance.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'

const folder = mkdtempSync(join(tmpdir(), 'errand-sqlite-'))
const paths = new WeakMap<object, string>()
/** Made once: making a file anew takes longer than most of what is asked of it here. */
const empty = join(folder, 'empty.db')
let files = 0

const first = new SqliteStore({ path: empty })
await first.counts()
await first.close()

conformance({
  name: 'sqlite',
  open: async (env) => {
    const path = join(folder, `${++files}.db`)
    copyFileSync(empty, path)
    return opened(path, env)
  },
  again: async (store, env) => opened(paths.get(store)!, env),
  transaction: async (store) => begun(paths.get(store)!),
  cleanup: async () => rmSync(folder, { recursive: true }),
})

function opened(path: string, env: ConstructorParameters<typeof SqliteStore>[0]['env']) {
  const store = new SqliteStore({ path, ...(env && { env }) })
  paths.set(store, path)
  return store
}

async function begun(path: string) {
  const tx = new DatabaseSync(path, { timeout: 5_000 })
  tx.exec('begin immediate')
  const end = (how: 'commit' | 'rollback') => async () => {
    tx.exec(how)
    tx.close()
  }

  return { tx, commit: end('commit'), rollback: end('rollback') }
}
