/** Finds a Python with Celery and RQ: Debian's packages, which are installed where that may be done. */
import { spawnSync } from 'node:child_process'
import { install, mayInstall } from '../../test/servers.ts'
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
import json, sys, celery, hiredis, redis, rq
versions = {"celery": celery.__version__, "rq": rq.VERSION, "redis-py": redis.__version__}
print(json.dumps({**versions, "python": sys.version.split()[0]}))
`

/** hiredis makes their client faster. */
const debianPackages = ['python3-celery', 'python3-rq', 'python3-hiredis']

/** Undefined where they cannot be had; a line has then said so. */
export function findPython(): Python | undefined {
  const python = installed() ?? (mayInstall() && install(...debianPackages) ? installed() : undefined)
  if (python === undefined)
    console.error(
      `LEAVING OUT Celery and RQ: no Python here can import them. Set PYTHON, or install ${debianPackages.join(', ')}.`,
    )

  return python
}

/** Debian's own Python has Debian's packages, but another may come first on the PATH. */
function installed(): Python | undefined {
  const programs = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter((program) => program !== undefined)
  const pythons = programs.map((program) => ({ program, ...spawnSync(program, ['-c', ask], { encoding: 'utf8' }) }))
  const python = pythons.find(({ status }) => status === 0)

  return python && { program: python.program, versions: JSON.parse(python.stdout) as Record<string, string> }
}
