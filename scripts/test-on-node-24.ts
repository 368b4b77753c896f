/**
 * Runs the library's tests on the oldest Node that is supported: `npm run test:24`.
 *
 * That Node is kept under `.cache`: as a dependency it would fight with the pinned one
 * for `node_modules/.bin/node`. Tests of the repository itself and of the service, which
 * always runs on the pinned Node, are left out.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from './run-commands.ts'

const version = '24.15.0'
const root = join(import.meta.dirname, '..')
const cache = join(root, '.cache', `node-${version}`)

/** The same as one more command of `npm test`. */
export const testsOn24: Command = {
  name: `the library's tests on Node ${version}`,
  run: [process.execPath, '--conditions=errand-source', import.meta.filename],
}

const notAboutTheLibrary = [
  'test/scripts/**',
  'test/architecture.test.ts',
  'test/docs.test.ts',
  'test/reference.test.ts',
  'test/package.test.ts',
]

function binary(): string {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const file = join(cache, 'node_modules', name, 'bin', platform === 'win' ? 'node.exe' : 'node')

  if (!existsSync(file)) install(name)
  return file
}

function install(name: string): void {
  console.log(`Installing Node ${version} under .cache ...`)
  const args = [
    'install',
    '--prefix',
    cache,
    '--no-save',
    '--no-package-lock',
    '--loglevel=error',
    `${name}@${version}`,
  ]
  const { status } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' })

  if (status !== 0) throw new Error(`npm could not install ${name}@${version}; see above. It needs the npm registry.`)
}

function main(): void {
  const node = binary()
  const files = globSync('test/**/*.test.ts', { cwd: root, exclude: notAboutTheLibrary }).toSorted()

  const args = ['--conditions=errand-source', join(root, 'scripts', 'run-tests.ts'), ...files]
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit' })

  process.exitCode = status ?? 1
}

if (import.meta.main) main()
