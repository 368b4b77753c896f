/** What a command prints: data on stdout in the form asked for, talk on stderr. */
import { styleText } from 'node:util'
import { oneLine, safeJson } from './plain-text.ts'
import { tableLines, type Column, type Style } from './table.ts'

export type Form = 'table' | 'json' | 'jsonl'
export const forms: readonly Form[] = ['table', 'json', 'jsonl']

export class Output {
  readonly form: Form
  readonly quiet: boolean
  readonly verbose: boolean

  constructor(options: { output: Form; quiet?: boolean; verbose?: boolean }) {
    this.form = options.output
    this.quiet = options.quiet ?? false
    this.verbose = options.verbose ?? false
  }

  /** True where people read, rather than programs. */
  get forPeople(): boolean {
    return this.form === 'table'
  }

  /** Rows as a table, as one array, or as a line of JSON each. */
  rows<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
    if (this.form === 'json') this.write(safeJson(rows, 2))
    else if (this.form === 'jsonl') for (const row of rows) this.write(safeJson(row))
    else for (const line of tableLines(rows, columns, process.stdout.columns)) this.write(line)
  }

  /** One value as JSON: over several lines, or on one for `jsonl`. */
  json(value: unknown): void {
    this.write(safeJson(value, this.form === 'jsonl' ? undefined : 2))
  }

  /** A line of data. The caller has made it safe. */
  write(line: string): void {
    process.stdout.write(`${line}\n`)
  }

  /** Talk, which `--quiet` silences. The text is made safe here; the style is for all of it. */
  say(text: string, style?: Style): void {
    if (!this.quiet) this.tell(text, style)
  }

  /** A warning, which nothing silences. */
  warn(text: string): void {
    process.stderr.write(`${onStderr('yellow', 'warning:')} ${oneLine(text)}\n`)
  }

  /** Talk that is the point of the command. */
  tell(text: string, style?: Style): void {
    const safe = oneLine(text)
    process.stderr.write(`${style ? onStderr(style, safe) : safe}\n`)
  }
}

/** Styled for stderr, which may be a terminal when stdout is none. */
export const onStderr = (style: Style, text: string): string => styleText(style, text, { stream: process.stderr })
