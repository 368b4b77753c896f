/**
 * The one command that checks everything: `npm test`.
 *
 * Types, build, lint and format first, side by side, each counted as one; then every
 * test file. With arguments it is the quick look while working: those that are part of
 * a file's path choose files, the others are parts of tests' names, and nothing else is
 * checked.
 */
import { existsSync, globSync } from 'node:fs'
import { runCommands, type Command } from './run-commands.ts'
import { testsOn24 } from './test-on-node-24.ts'
import { printTally, runTests, type Tally } from './run-tests.ts'

const staticChecks: Command[] = [
  { name: 'types', run: ['tsc'] },
  { name: 'types of the build', run: ['tsc', '-p', 'tsconfig.build.json', '--noEmit'] },
  { name: 'types of bench', run: ['tsc', '-p', 'bench'], needs: 'bench/node_modules' },
  { name: 'lint', run: ['oxlint'] },
  { name: 'format', run: ['oxfmt', '--check'] },
]

/** The peers that bench measures are nobody's burden but its own and, for their types alone, CI's. */
const benchPackages: Command = {
  name: 'packages of bench',
  run: ['npm', 'ci', '--prefix', 'bench', '--ignore-scripts', '--loglevel=error'],
}

function testFiles(): string[] {
  return globSync(['test/**/*.test.ts', 'service/test/**/*.test.ts']).toSorted()
}

async function checkAll(): Promise<Tally> {
  const packages = process.env.CI && !existsSync('bench/node_modules') ? await runCommands([benchPackages]) : nothing
  const checks = await runCommands(staticChecks)
  const tests = await runTests(testFiles())
  const on24 = process.env.CI ? await runCommands([testsOn24]) : nothing

  return together([packages, checks, tests, on24])
}

async function checkSome(wanted: readonly string[]): Promise<Tally> {
  const all = testFiles()
  const isPath = (part: string) => all.some((file) => file.includes(part))

  const paths = wanted.filter(isPath)
  const names = wanted.filter((part) => !isPath(part))
  const files = paths.length === 0 ? all : all.filter((file) => paths.some((part) => file.includes(part)))

  console.log(`Only tests that match ${wanted.join(', ')}; types, lint and format are not checked.\n`)
  const tally = await runTests(files, names.length === 0 ? {} : { names })

  const ran = tally.passed + tally.failures.length + tally.skipped.length
  return ran > 0 ? tally : { ...tally, failures: [`No test file and no test is named like ${wanted.join(', ')}.`] }
}

const nothing: Tally = { passed: 0, failures: [], skipped: [] }

function together(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
    skipped: tallies.flatMap(({ skipped }) => skipped),
  }
}

const wanted = process.argv.slice(2)
const tally = wanted.length > 0 ? await checkSome(wanted) : await checkAll()

// Not `exitCode`: a process that a test left behind may still hold a pipe to this one.
process.exit(printTally(tally))
