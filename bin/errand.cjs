#!/usr/bin/env node
'use strict'

require('./node-version.cjs')

const fs = require('node:fs')
const { enableCompileCache } = require('node:module')
const os = require('node:os')
const path = require('node:path')

const condition = '--conditions=errand-source'

/** A checkout has the build's settings beside it; the published package does not. */
const inCheckout = fs.existsSync(path.join(__dirname, '..', 'tsconfig.build.json'))

function runsFromSource() {
  if (process.execArgv.includes(condition)) return true

  try {
    return require.resolve('#cli').endsWith('.ts')
  } catch {
    return false
  }
}

// In a checkout the sources count, never a build that may be old; so this process starts again with their condition.
if (inCheckout && !runsFromSource()) {
  if (process.execve && process.platform !== 'win32') {
    process.execve(process.execPath, [process.execPath, condition, ...process.execArgv, ...process.argv.slice(1)])
  }
  console.error('In a checkout, start it as: node ' + condition + ' bin/errand.cjs')
  process.exit(1)
}

// Compiled code is kept, so that a command answers three times as soon. In the user's own folder and not in the
// common temporary one, where others could leave code for us to run.
if (!process.env.NODE_COMPILE_CACHE) {
  enableCompileCache(path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'errand'))
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0)
  fs.writeSync(2, 'error: Cannot write to stdout: ' + error.message + '\n')
  process.exit(1)
})

// Nothing is left that could ever go on, such as where an app's module awaits what never comes.
process.once('beforeExit', () => {
  console.error('error: The app awaits something at its top that never comes, so nothing was done.')
  process.exit(1)
})

/** Ends although the app may have left something open; not before what was printed is out, or told that it cannot be. */
function end(code) {
  process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit(code))))
}

void import('#cli').then(({ main }) => main(process.argv.slice(2))).then(end)
