/** Finds a Python with Celery and RQ: Debian's packages, which are installed where that may be done. */
import { spawnSync } from 'node:child_process'
import { findProgram } from '../../test/servers.ts'
import type { PythonName } from '../sides/names.ts'

export interface Python {
  program: string
  versions: Record<string, string>
}

export const pythonSettings: Record<PythonName, string> = {
  celery: '-P solo, prefetch 64, no gossip, mingle, heartbeat, events or rate limits, no results kept',
  rq: 'SimpleWorker, which does not fork for each job, enqueue_many in 1,000s, results kept',
}

const ask = `
import json, sys, celery, redis, rq
versions = {"celery": celery.__version__, "rq": rq.VERSION, "redis-py": redis.__version__}
print(json.dumps({**versions, "python": sys.version.split()[0]}))
`

/** Undefined where they cannot be had; a line has then said so. */
export async function findPython(): Promise<Python | undefined> {
  const found = installed()
  if (found !== undefined) return found

  await findProgram({ what: 'RQ', variable: 'RQ', names: ['rq'], debianPackage: 'python3-rq' })
  await findProgram({ what: 'Celery', variable: 'CELERY', names: ['celery'], debianPackage: 'python3-celery' })
  const python = installed()
  if (python === undefined) console.error('Celery and RQ are left out: no Python here can import both. Set PYTHON.')

  return python
}

/** Debian's own Python has Debian's packages, but another may come first on the PATH. */
function installed(): Python | undefined {
  const programs = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter((program) => program !== undefined)
  const pythons = programs.map((program) => ({ program, ...spawnSync(program, ['-c', ask], { encoding: 'utf8' }) }))
  const python = pythons.find(({ status }) => status === 0)

  return python && { program: python.program, versions: JSON.parse(python.stdout) as Record<string, string> }
}
