/**
 * Runs test files, each in a process of its own, and says what came of every test.
 *
 * `node --test` believes its files: one that leaves a server open keeps the run waiting
 * for ever, and one that calls `process.exit(0)` half-way has passed. Here a file has
 * passed only if it ended by itself, in time, and reported its own summary.
 *
 * `check.ts` calls it; by itself it is `node scripts/run-tests.ts [--test-ms N] [--file-ms N] FILE...`.
 */
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { runFile, type FileReport } from './run-test-file.ts'

export interface RunOptions {
  /** Only tests whose name contains one of these. */
  names?: readonly string[]
  /** How long one test may take. @default 60_000 */
  testMs?: number
  /** How long one file may take, which also stops what no test's limit can: a busy loop. @default 420_000 */
  fileMs?: number
  /** Files run side by side. @default the number of cores, at least 2 */
  concurrency?: number
}

export interface Tally {
  passed: number
  failures: string[]
  skipped: string[]
}

export async function runTests(files: readonly string[], options: RunOptions = {}): Promise<Tally> {
  const reports = await runAll(files, options)
  if (reports.length > 0) printSlowest(reports)

  return {
    passed: reports.reduce((sum, report) => sum + report.passed.length, 0),
    failures: reports.flatMap((report) => report.failures.map((failure) => label(report, failure.name))),
    skipped: reports.flatMap((report) => report.skipped.map((skip) => `${label(report, skip.name)}: ${skip.reason}`)),
  }
}

async function runAll(files: readonly string[], options: RunOptions): Promise<FileReport[]> {
  const reports: FileReport[] = []
  const waiting = [...files]

  async function takeNext(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const report = await runFile(file, options)

      reports.push(report)
      printFile(report)
    }
  }

  const lanes = options.concurrency ?? Math.max(2, availableParallelism())
  await Promise.all(Array.from({ length: lanes }, takeNext))

  return reports
}

function label(report: FileReport, name: string): string {
  return name === '' ? shortPath(report.file) : `${shortPath(report.file)}: ${name}`
}

function shortPath(file: string): string {
  return relative(process.cwd(), file)
}

function printFile(report: FileReport): void {
  const word = report.failures.length > 0 ? 'FAIL' : 'ok  '
  console.log(`${word} ${shortPath(report.file)} (${report.passed.length} passed, ${Math.round(report.ms)} ms)`)
  if (report.failures.length === 0) return

  for (const { name, detail } of report.failures) console.log(indent(`${name || 'The file itself'}\n${indent(detail)}`))
  if (report.output !== '') console.log(indent(`What the file printed:\n${indent(report.output)}`))
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '  ')
}

function printSlowest(reports: readonly FileReport[]): void {
  const tests = reports.flatMap((report) => report.passed.map(({ name, ms }) => ({ name: label(report, name), ms })))
  const slowest = tests.toSorted((a, b) => b.ms - a.ms).slice(0, 10)

  console.log('\nThe ten slowest tests:')
  for (const { name, ms } of slowest) console.log(`${String(Math.round(ms)).padStart(8)} ms  ${name}`)
}

/** What was skipped, what failed and, as the last line, how many of each. Returns the exit code. */
export function printTally({ passed, failures, skipped }: Tally): number {
  if (skipped.length > 0) {
    console.log(`\nSKIPPED, ${skipped.length}:`)
    for (const skip of skipped) console.log(`  ${skip}`)
  }
  if (failures.length > 0) {
    console.log(`\nFAILED, ${failures.length}:`)
    for (const failure of failures) console.log(`  ${failure}`)
  }
  console.log(`\n${passed} passed, ${failures.length} failed`)

  return failures.length > 0 ? 1 : 0
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'test-ms': { type: 'string' }, 'file-ms': { type: 'string' } },
  })

  if (positionals.length === 0) throw new Error('No test file was given.')

  const tally = await runTests(positionals, {
    testMs: Number(values['test-ms'] ?? 60_000),
    fileMs: Number(values['file-ms'] ?? 420_000),
  })

  // Not `exitCode`: a process that a test left behind may still hold a pipe to this one.
  process.exit(printTally(tally))
}

if (import.meta.main) await main()
