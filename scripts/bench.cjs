'use strict'

/*
 * `npm run bench`: installs what only the bench needs, when its lock file or Node has changed, and runs it.
 *
 * The peers live in bench/, with a lock file of their own, so that nobody else pays for them. One of
 * them is compiled for one version of Node, which has to be the pinned one: not that of the machine.
 * In old syntax, like setup.cjs, which has to have run before.
 */

const { spawn, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const bench = path.join(root, 'bench')
const modules = path.join(bench, 'node_modules')
const headers = path.join(root, '.cache', 'node-headers')
const stampFile = path.join(modules, '.errand-bench-setup')
const bin = path.join(root, 'node_modules', '.bin')
const node = path.join(bin, process.platform === 'win32' ? 'node.cmd' : 'node')

/** npm and its install scripts must find the pinned Node first. */
const env = { ...process.env, PATH: bin + path.delimiter + process.env.PATH }

function run(program, args, more) {
  return spawnSync(program, args, { stdio: ['ignore', 2, 2], env, shell: process.platform === 'win32', ...more })
}

function npm(args, more) {
  return run('npm', [...args, '--loglevel=error'], { cwd: bench, ...more }).status === 0
}

function pinnedVersion() {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' })

  return stdout ? stdout.trim().slice(1) : fail('the pinned Node is not there. Run `npm ci` first.')
}

function wantedStamp() {
  const lock = fs.readFileSync(path.join(bench, 'package-lock.json'))

  return createHash('sha256').update(lock).digest('hex') + ' node ' + pinnedVersion()
}

function currentStamp() {
  try {
    return fs.readFileSync(stampFile, 'utf8')
  } catch {
    return 'none'
  }
}

function sqliteLoads() {
  const probe = "new (require('better-sqlite3'))(':memory:')"

  return run(node, ['-e', probe], { cwd: bench, stdio: 'ignore' }).status === 0
}

/** From its makers' releases, which takes a second, where they can be reached. */
function downloadSqlite() {
  const program = path.join(modules, 'prebuild-install', 'bin.js')

  run(node, [program], { cwd: path.join(modules, 'better-sqlite3'), stdio: 'ignore', timeout: 60000 })
}

/** Else compiled, with the headers of the pinned Node, which the registry has too: npm may know those of another. */
function compileSqlite() {
  const name = 'node-' + process.platform.replace('win32', 'win') + '-' + process.arch
  const wanted = name + '@' + pinnedVersion()
  const fetch = ['install', '--prefix', headers, '--no-save', '--no-package-lock', '--ignore-scripts', wanted]

  console.error('Compiling better-sqlite3, once; about a minute ...')
  fs.mkdirSync(headers, { recursive: true })
  if (!npm(fetch, { cwd: headers })) return

  const nodedir = path.join(headers, 'node_modules', name)
  npm(['rebuild', 'better-sqlite3', '--foreground-scripts=false'], { env: { ...env, npm_config_nodedir: nodedir } })
  fs.rmSync(headers, { recursive: true, force: true })
}

function install() {
  console.error('Setting up the bench: installing the peers, once ...')
  if (!npm(['ci', '--ignore-scripts'])) fail('`npm ci` in bench/ failed, see above.')
  if (!sqliteLoads()) downloadSqlite()
  if (!sqliteLoads()) compileSqlite()
  if (!sqliteLoads())
    fail('better-sqlite3 could neither be downloaded nor compiled. It needs a C++ compiler and Python.')
}

function fail(reason) {
  console.error('Set-up of the bench failed: ' + reason)
  process.exit(1)
}

const stamp = wantedStamp()

if (currentStamp() !== stamp) {
  install()
  fs.writeFileSync(stampFile, stamp)
}

const args = ['--conditions=errand-source', path.join(bench, 'main.ts'), ...process.argv.slice(2)]
const child = spawn(node, args, { stdio: 'inherit', env, shell: process.platform === 'win32' })

// Not `spawnSync`: whoever stops this process means the bench, which then stops what it started and tidies up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code === null ? 1 : code))
