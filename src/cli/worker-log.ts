/** What a worker does, line by line: for people on stderr, or as JSON lines on stdout. */
import type { Errand } from '../errand.ts'
import { mayPass } from '../errors.ts'
import type { EventName, Events } from '../events/events.ts'
import { mask, textRedactor } from '../redact.ts'
import { codeOf } from './failures.ts'
import { onStderr, type Output } from './output/output.ts'
import { block, oneLine, safeJson } from './output/plain-text.ts'
import type { Style } from './output/table.ts'
import { clockTime, length } from './output/times.ts'

type Told = Exclude<EventName, 'enqueued'>
interface Look {
  readonly style?: Style
  /** Printed with `--quiet` too: 'always'; only with `--verbose`: 'verbose'. */
  readonly when?: 'always' | 'verbose'
}

const looks: { readonly [Name in Told]: Look } = {
  'worker started': { style: 'bold' },
  started: { style: 'dim' },
  succeeded: { style: 'green' },
  retrying: { style: 'yellow' },
  failed: { style: 'red', when: 'always' },
  cancelled: {},
  'given back': { style: 'yellow' },
  zombie: { style: 'yellow', when: 'always' },
  stale: { style: 'yellow', when: 'always' },
  rescued: { style: 'yellow' },
  'worker gone': { style: 'red', when: 'always' },
  'store away': { style: 'red', when: 'always' },
  'store back': { style: 'green', when: 'always' },
  'store finding': { style: 'yellow', when: 'always' },
  error: { style: 'red', when: 'always' },
  'worker stopped': { style: 'bold' },
}

type Fields = Record<string, unknown>
type PlainError = { readonly name: string; readonly message: string; readonly code?: string; readonly stack?: string }

/** Begins to tell; the function it gives writes what is still held back. */
export function tellEvents(errand: Errand<any>, out: Output): () => void {
  const lines = new Lines(out.forPeople ? process.stderr : process.stdout)
  const away = new Away(out.verbose)
  const redactions = new Map(errand.tasks.map(({ name, redact }) => [name, redact]))

  for (const name of Object.keys(looks) as Told[]) {
    if (!isTold(name, out)) continue
    errand.on(name, (event) => {
      if (isEveryday(name, event, out) || away.hides(name, event)) return
      const at = Date.now()
      const error = 'error' in event ? plainError(event, redactions) : undefined
      if (out.forPeople) lines.add(humanLine(at, name, event as Fields, error, out.verbose))
      else lines.add(safeJson(machineLine(at, name, event as Fields, error)))
    })
  }
  return () => lines.flush()
}

/** A job that is handed back unstarted, or by a worker that stops, is news to few; one that had to begin anew is. */
const isEveryday = (name: Told, event: object, { verbose }: Output) =>
  name === 'given back' && !verbose && (event as Events['given back']).why !== 'lost'

function isTold(name: Told, { quiet, verbose }: Output): boolean {
  const { when } = looks[name]
  if (when === 'verbose') return verbose

  return !quiet || when === 'always'
}

/** What went wrong, without what the task keeps secret. */
function plainError(
  event: Events['failed'] | Events['retrying'] | Events['error'] | Events['store away'],
  redactions: ReadonlyMap<string, readonly string[] | undefined>,
): PlainError {
  const { error } = event
  const redact = 'task' in event ? redactions.get(event.task) : undefined
  // Without the input nobody can tell which words of the message come from it.
  const hide = !redact?.length
    ? (text: string) => text
    : 'input' in event
      ? textRedactor(event.input, redact)
      : () => mask
  const code = codeOf(error)
  if (!(error instanceof Error)) return { name: 'Error', message: hide(String(error)) }

  return {
    name: error.name,
    message: hide(error.message),
    ...(code !== undefined && { code }),
    ...(error.stack !== undefined && { stack: hide(error.stack) }),
  }
}

/** Exported for its test: what a line says after the time and the event's name. */
function sentence(name: Told, event: Fields, error: PlainError | undefined): string {
  const what = error ? `${error.name}: ${error.message}` : ''
  const ran = typeof event['ranMs'] === 'number' ? length(event['ranMs']) : ''
  const job = `${String(event['task'])} ${String(event['id'])}`
  const attempt = Number(event['attempt'])

  switch (name) {
    case 'started':
      return attempt > 1 ? `${job} attempt ${attempt}` : job
    case 'succeeded':
    case 'cancelled':
      return `${job} ${ran}`
    case 'retrying':
      return `${job} in ${length(Number(event['delayMs']))}, attempt ${attempt} failed after ${ran}: ${what}`
    case 'failed':
      return `${job} attempt ${attempt}, ${ran}: ${what}`
    case 'given back':
      return event['why'] === 'lost'
        ? `${job} the store was silent for most of a lease, so its handler was told to end; it runs again`
        : `${job} ${String(event['why'])}`
    case 'zombie':
      return `${job} goes on after its timeout and keeps its slot`
    case 'stale':
      return `${(event['claim'] as { id: string }).id} was given to another worker meanwhile; it may have run twice`
    case 'rescued':
      return `${String(event['jobs'])} jobs of workers that went silent`
    case 'worker started':
      return `${String(event['worker'])} serving ${(event['queues'] as string[]).join(', ')}`
    case 'worker gone':
      return `${String(event['worker'])} was silent for too long, or the store has lost its data: it starts anew and lets go of ${String(event['running'])} running jobs`
    case 'worker stopped':
      return String(event['worker'])
    case 'store away':
      return `work goes on when it is back. ${what}`
    case 'store back':
      return `after ${length(Number(event['awayMs']))}`
    case 'store finding':
      return `${String(event['subject'])}: ${String(event['detail'])}`
    case 'error':
      return `during ${String(event['during'])}: ${what}`
  }
}

function humanLine(at: number, name: Told, event: Fields, error: PlainError | undefined, verbose: boolean): string {
  const { style } = looks[name]
  const title = name.padEnd(10)
  const line = `${onStderr('dim', clockTime(at))} ${style ? onStderr(style, title) : title} ${oneLine(sentence(name, event, error))}`

  return verbose && error?.stack ? `${line}\n${block(error.stack, '    ')}` : line
}

const shownFields = [
  'id',
  'task',
  'queue',
  'attempt',
  'ranMs',
  'delayMs',
  'why',
  'jobs',
  'worker',
  'queues',
  'running',
  'awayMs',
  'during',
  'subject',
  'verdict',
  'detail',
]

function machineLine(at: number, name: Told, event: Fields, error: PlainError | undefined): Fields {
  const fields = Object.fromEntries(shownFields.filter((field) => field in event).map((field) => [field, event[field]]))

  return { at: new Date(at), event: name, ...fields, ...(error && { error }) }
}

/** While the store is away, that is said once: every try that fails is told with `--verbose` alone, unless it says something else. */
class Away {
  readonly #verbose: boolean
  #now = false
  /** By what was asked, the latest that was said of it. */
  readonly #said = new Map<string, string>()

  constructor(verbose: boolean) {
    this.#verbose = verbose
  }

  hides(name: Told, event: Events[Told]): boolean {
    if (name === 'store away') this.#now = true
    if (name === 'store back') this.#now = false
    if (!this.#now) this.#said.clear()
    if (!this.#now || (name !== 'store away' && name !== 'error')) return false

    const { error, during } = event as Events['error']
    const known = [...this.#said.values()].includes(String(error))
    this.#said.set(during, String(error))
    return name === 'error' && !this.#verbose && (known || mayPass(error))
  }
}

/** Lines of one turn of the event loop go out in one write. */
class Lines {
  readonly #stream: NodeJS.WriteStream
  #held: string[] = []

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  add(line: string): void {
    if (this.#held.push(line) === 1) setImmediate(() => this.flush())
  }

  flush(): void {
    if (this.#held.length > 0) this.#stream.write(`${this.#held.join('\n')}\n`)
    this.#held = []
  }
}
