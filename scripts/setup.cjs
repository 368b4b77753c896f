'use strict'

/*
 * Installs the packages when the lock file has changed since it last did; otherwise says nothing.
 *
 * npm runs it before `npm start` and `npm test`. In a fresh clone that is on whatever Node
 * the machine has, without any package: hence the old syntax and Node's own modules only.
 */

const { spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const modules = path.join(root, 'node_modules')
const stampFile = path.join(modules, '.errand-setup')

/** The lock file alone: a changed script in package.json is no reason to install everything again. */
function wantedStamp() {
  const lock = fs.readFileSync(path.join(root, 'package-lock.json'))

  return createHash('sha256').update(lock).digest('hex') + ' ' + process.platform + '-' + process.arch
}

function currentStamp() {
  try {
    return fs.readFileSync(stampFile, 'utf8')
  } catch {
    return 'none'
  }
}

function installPackages() {
  const args = ['ci', '--include=dev', '--loglevel=error']
  const npm = process.env.npm_execpath
  const run = { cwd: root, stdio: ['ignore', 2, 2] }

  return npm
    ? spawnSync(process.execPath, [npm, ...args], run)
    : spawnSync('npm', args, { ...run, shell: process.platform === 'win32' })
}

/** The one package with an install script that matters; `ignore-scripts` in someone's npm settings would skip it. */
function pinnedNodeRuns() {
  if (process.platform === 'win32') return true

  return spawnSync(path.join(modules, '.bin', 'node'), ['--version']).status === 0
}

function fail(reason) {
  console.error('Set-up failed: ' + reason)
  process.exit(1)
}

const stamp = wantedStamp()

if (currentStamp() !== stamp) {
  console.error('Setting up: installing packages, once ...')
  const { status, error } = installPackages()

  if (error) fail('npm could not be started (' + error.message + '). Install npm, which comes with Node.')
  if (status !== 0) fail('`npm ci` ended with ' + status + ', see above. It needs the npm registry; then try again.')
  if (!pinnedNodeRuns())
    fail('the pinned Node was not installed. Allow install scripts (`npm config get ignore-scripts`).')

  fs.writeFileSync(stampFile, stamp)
}
