/**
 * A CSV of any length through the whole processing, watched from outside and inside.
 *
 *     node --conditions=errand-source service/test/data/large-csv.ts 1000000 clean json
 *
 * prints one line of JSON: rows, milliseconds, the most resident memory of the process that did it, how long the event
 * loop was held, and what the last progress said.
 */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { processData } from '../../data/process.ts'
import type { ProcessingType } from '../../data/process.ts'
import { uploadSource } from '../../data/sources.ts'
import type { OutputFormat } from '../../data/write-result.ts'

export interface Measured {
  readonly rows: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly ms: number
  readonly peakRssMb: number
  readonly heldMsMax: number
  readonly reports: number
  readonly lastReport: { recordsRead: number; fraction?: number } | undefined
}

/** Writes the file, has a fresh process work on it, and removes it again. */
export async function measure(rows: number, processingType: string, outputFormat: string): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-large-'))
  try {
    const path = join(folder, 'large.csv')
    await pipeline(Readable.from(lines(rows)), createWriteStream(path))

    return JSON.parse(await childOutput([import.meta.filename, '--child', path, processingType, outputFormat]))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function* lines(rows: number): Generator<string> {
  yield 'Id,Customer Name,email,Status,amount,created_at,note\r\n'
  let batch = ''
  for (let n = 0; n < rows; n += 1) {
    const status = ['completed', 'pending', 'failed'][n % 3]
    batch += `${n},Customer ${n}, c${n}@example.com ,${status},${(n % 9973) / 100},2026-01-${10 + (n % 18)},"a ""note"", ${n}"\r\n`
    if (batch.length < 65_536) continue
    yield batch
    batch = ''
  }
  yield batch
}

async function childOutput(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--conditions=errand-source', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

  return text(child.stdout)
}

async function work(path: string, processingType: ProcessingType, outputFormat: OutputFormat): Promise<Measured> {
  const turns = new Turns()
  const reports: { recordsRead: number; fraction?: number }[] = []
  const records = await uploadSource(path)
  const startedAt = performance.now()
  turns.start()
  const result = await processData({
    records,
    processingType,
    outputFormat,
    outputPath: `${path}.out`,
    onProgress: (progress) => reports.push(progress),
  })
  turns.stop()

  return {
    rows: reports.at(-1)?.recordsRead ?? 0,
    inputBytes: records.totalBytes,
    outputBytes: result.bytes,
    ms: Math.round(performance.now() - startedAt),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    heldMsMax: turns.longestMs,
    reports: reports.length,
    lastReport: reports.at(-1),
  }
}

/**
 * How long a turn of the event loop kept the main thread busy at most. Processor time and not the clock, because on a
 * busy machine the clock also counts what other processes took.
 */
class Turns {
  #longestMicros = 0
  #running = false

  start(): void {
    this.#running = true
    this.#turn(process.threadCpuUsage())
  }

  stop(): void {
    this.#running = false
  }

  get longestMs(): number {
    return Math.round(this.#longestMicros / 100) / 10
  }

  #turn(before: NodeJS.CpuUsage): void {
    setImmediate(() => {
      const { user, system } = process.threadCpuUsage(before)
      this.#longestMicros = Math.max(this.#longestMicros, user + system)
      if (this.#running) this.#turn(process.threadCpuUsage())
    })
  }
}

if (import.meta.main) {
  const [first = '1000000', ...rest] = process.argv.slice(2)
  const done =
    first === '--child'
      ? work(rest[0]!, rest[1] as ProcessingType, rest[2] as OutputFormat)
      : measure(Number(first), rest[0] ?? 'clean', rest[1] ?? 'json')
  console.log(JSON.stringify(await done))
}
