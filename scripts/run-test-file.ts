/**
 * Runs one test file in a process of its own and collects what it reports.
 *
 * The order of trust: a test that reports a pass has passed; a file that does not report
 * its summary ended too early, whatever passed before; a file that is not through by
 * its limit is ended and named.
 */
import { resolve } from 'node:path'
import { run } from 'node:test'
import { inspect } from 'node:util'
import type { EventData } from 'node:test'
import type { RunOptions } from './run-tests.ts'

export interface FileReport {
  file: string
  ms: number
  passed: { name: string; ms: number }[]
  failures: { name: string; detail: string }[]
  skipped: { name: string; reason: string }[]
  /** What the file wrote to its standard output and error. */
  output: string
  /** It was gone before it had reported how its tests went. */
  endedEarly: boolean
}

/** How long a file that has reported everything may take to be gone. */
const farewellMs = 5_000

/**
 * The forced end, which files with something left open need, can outrun the last words of a short one. A file that
 * seems to have ended early is run once more without it: one that calls `process.exit` does it again.
 */
export async function runFile(file: string, options: RunOptions): Promise<FileReport> {
  const report = await runOnce(file, options, ['--test-force-exit'])

  return report.endedEarly ? runOnce(file, options, []) : report
}

async function runOnce(file: string, options: RunOptions, forced: readonly string[]): Promise<FileReport> {
  const { testMs = 60_000, fileMs = 420_000, names } = options
  const collector = new Collector(resolve(file), names !== undefined)

  const stream = run({
    files: [collector.file],
    isolation: 'process',
    // Together, for neither suffices: the first ends a file with something left open, the second a test without end.
    execArgv: [...forced, `--test-timeout=${testMs}`],
    signal: AbortSignal.timeout(fileMs),
    ...(names && { testNamePatterns: names.map((name) => new RegExp(RegExp.escape(name), 'i')) }),
  })

  // A child that the file left behind may hold its output open, and the stream with it.
  const ended = collector.read(stream).then(() => 'ended')
  const overdue = Promise.race([after(fileMs + farewellMs), collector.summary.then(() => after(farewellMs))])
  if ((await Promise.race([ended, overdue])) !== 'ended') collector.leftBehind()

  return collector.report()
}

function after(ms: number): Promise<void> {
  return new Promise((passed) => void setTimeout(passed, ms).unref())
}

type TestEvent = { type: string; data: unknown }

class Collector {
  readonly file: string
  readonly #filtered: boolean
  readonly #startedAt = performance.now()
  readonly #report: Omit<FileReport, 'file' | 'ms' | 'output' | 'endedEarly'> = {
    passed: [],
    failures: [],
    skipped: [],
  }
  readonly #path: string[] = []
  readonly #summary = Promise.withResolvers<void>()
  #summarised = false
  #output = ''

  constructor(file: string, filtered: boolean) {
    this.file = file
    this.#filtered = filtered
  }

  /** Resolves when the file has reported how its tests went: the last thing it does. */
  get summary(): Promise<void> {
    return this.#summary.promise
  }

  async read(stream: AsyncIterable<TestEvent>): Promise<void> {
    for await (const { type, data } of stream) this.#take(type, data)
  }

  #take(type: string, data: unknown): void {
    if (type === 'test:start') this.#started(data as EventData.TestStart)
    if (type === 'test:pass') this.#passed(data as EventData.TestPass)
    if (type === 'test:fail') this.#failed(data as EventData.TestFail)
    if (type === 'test:diagnostic') this.#noted(data as EventData.TestDiagnostic)
    if (type === 'test:stdout' || type === 'test:stderr') this.#output += (data as EventData.TestStderr).message
    if (type === 'test:summary' && (data as EventData.TestSummary).file) {
      this.#summarised = true
      this.#summary.resolve()
    }
  }

  #started({ name, nesting }: EventData.TestStart): void {
    this.#path.length = nesting
    this.#path.push(name)
  }

  #passed({ name, nesting, details, skip, todo }: EventData.TestPass): void {
    // The runner's own "test" for a file that reported none.
    if (details.type === 'suite' || this.#isFile(name)) return

    const fullName = this.#fullName(name, nesting)
    const reason = skip ?? todo

    if (reason === undefined || reason === false) {
      this.#report.passed.push({ name: fullName, ms: details.duration_ms })
    } else if (typeof reason === 'string' && reason !== '') {
      this.#report.skipped.push({ name: fullName, reason })
    } else {
      this.#report.failures.push({ name: fullName, detail: 'It was skipped without a reason: give `skip` a sentence.' })
    }
  }

  #failed({ name, nesting, details }: EventData.TestFail): void {
    const error = details.error as Error & { failureType?: string }
    // The inner test is reported itself.
    if (error.failureType === 'subtestsFailed') return

    const detail = this.#isFile(name) ? this.#whyFileFailed(error) : describe(error)
    this.#report.failures.push({ name: this.#isFile(name) ? '' : this.#fullName(name, nesting), detail })
  }

  /** An error after a test's end fails the file, and only this says which error and which test. */
  #noted({ file, message }: EventData.TestDiagnostic): void {
    if (file !== undefined && message.startsWith('Error:')) this.#output += `${message}\n`
  }

  #whyFileFailed(error: Error & { failureType?: string }): string {
    if (error.failureType === 'testAborted') return 'The file did not end in time and was ended.'

    return `The file failed outside its tests: ${error.message}.`
  }

  leftBehind(): void {
    this.#report.failures.push({ name: '', detail: 'A process that it started still runs and holds its output open.' })
  }

  report(): FileReport {
    const { passed, failures, skipped } = this.#report
    const nothing = passed.length + skipped.length === 0

    const endedEarly = !this.#summarised && failures.length === 0 && !(this.#filtered && nothing)

    if (endedEarly) {
      failures.push({
        name: '',
        detail: 'It ended before its tests did: it has none, or something calls process.exit().',
      })
    }

    return {
      file: this.file,
      ms: performance.now() - this.#startedAt,
      ...this.#report,
      output: this.#output,
      endedEarly,
    }
  }

  #isFile(name: string): boolean {
    return resolve(name) === this.file
  }

  #fullName(name: string, nesting: number): string {
    return [...this.#path.slice(0, nesting), name].join(' > ')
  }
}

/** The runner wraps what a test threw. An assertion's message says all; its fields would say it twice. */
function describe({ cause, message }: Error): string {
  if (!(cause instanceof Error)) return message

  return 'code' in cause && cause.code === 'ERR_ASSERTION' ? (cause.stack ?? cause.message) : inspect(cause)
}
