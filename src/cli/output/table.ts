/** Tables for people: aligned, and no wider than the terminal. */
import { styleText } from 'node:util'
import { oneLine } from './plain-text.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | undefined
  /** Only the columns that say so are cut when the terminal is narrow. */
  readonly flexible?: boolean
  readonly style?: (row: Row) => Style | undefined
}

export type Style = 'green' | 'yellow' | 'red' | 'cyan' | 'dim' | 'bold'

const gap = '  '
const narrowest = 8
/** A cell that is wider and is never cut, such as an id of somebody's own, puts only its own row out of line. */
const widestAligned = 64
const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\uff01-\uff60]/u
const invisible = /^[\p{Mark}\u200b-\u200d]+$/u

/** What a reader takes for one character, however many it is made of. */
function* charactersOf(text: string): Generator<string> {
  for (const { segment } of new Intl.Segmenter().segment(text)) yield segment
}

const cellsOf = (character: string) => (invisible.test(character) ? 0 : wide.test(character) ? 2 : 1)

/** How many cells of a terminal a text takes. */
function widthOf(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length

  return charactersOf(text).reduce((sum, each) => sum + cellsOf(each), 0)
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0

  for (const character of charactersOf(text)) {
    used += cellsOf(character)
    if (used > width - 1) break
    kept += character
  }
  return `${kept}…`
}

function widthsWithin(widths: number[], flexible: readonly boolean[], total: number): number[] {
  const fitted = [...widths]
  let excess = fitted.reduce((sum, width) => sum + width + gap.length, -gap.length) - total

  while (excess > 0) {
    const widest = Math.max(...fitted.filter((width, index) => flexible[index] && width > narrowest))
    if (!Number.isFinite(widest)) break
    fitted[fitted.findIndex((width, index) => flexible[index] && width === widest)]! -= 1
    excess -= 1
  }
  return fitted
}

/** The lines of a table; `width` is the terminal's, if there is one. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number = Infinity,
): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => oneLine(String(value(row) ?? ''))))
  const natural = columns.map(({ title, flexible = false }, index) => {
    const widths = cells.map((line) => widthOf(line[index]!))
    return Math.max(widthOf(title), ...(flexible ? widths : widths.filter((each) => each <= widestAligned)))
  })
  const widths = widthsWithin(
    natural,
    columns.map(({ flexible = false }) => flexible),
    width,
  )
  const numeric = columns.map(({ value }) => rows.every((row) => typeof value(row) === 'number'))

  const line = (texts: readonly string[], styled: (text: string, index: number) => string) =>
    texts
      .map((text, index) => {
        const fitting = columns[index]!.flexible ? cut(text, widths[index]!) : text
        const padding = ' '.repeat(Math.max(0, widths[index]! - widthOf(fitting)))
        return numeric[index] && rows.length > 0 ? padding + styled(fitting, index) : styled(fitting, index) + padding
      })
      .join(gap)
      .trimEnd()

  const head = line(
    columns.map(({ title }) => title),
    (text) => styleText('dim', text),
  )
  const body = cells.map((texts, row) =>
    line(texts, (text, index) => {
      const style = columns[index]!.style?.(rows[row]!)
      return style ? styleText(style, text) : text
    }),
  )

  return [head, ...body]
}
