/**
 * Reading numbers without changing them. A double holds about 16 digits: order numbers, card numbers and snowflake
 * ids have more, and would come out as a neighbouring number. Those stay text, digit for digit.
 */

const wholeNumber = /^-?\d+$/

/** The number a JSON text stands for, or the text itself where a double cannot hold it. */
export function exactNumber(text: string): number | string {
  const value = Number(text)
  if (wholeNumber.test(text)) return Number.isSafeInteger(value) ? value : text

  return Number.isFinite(value) ? value : text
}

/**
 * Numbers as programs write them into CSV. An exponent needs its sign (`1e-05`, `2E+20`), because `12E4` is more often
 * a product code; leading zeros and a leading plus (postal codes, telephone numbers) are never numbers.
 */
const cellNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]\d{1,3})?$/
const mostDigits = 17

/**
 * What a CSV cell means: nothing is null, `true` and `false` (in any case) are booleans, a number that survives being
 * read and written is a number, and everything else is text. Spaces around a number or a boolean do not count; text
 * keeps its own.
 */
export function cellValue(cell: string): null | boolean | number | string {
  if (cell === '') return null
  const first = cell.charCodeAt(0)
  if (first === space || cell.charCodeAt(cell.length - 1) === space) {
    const inner = typedCell(cell.trim())
    return typeof inner === 'string' ? cell : inner
  }

  return typedCell(cell)
}

const space = 0x20

function typedCell(cell: string): boolean | number | string {
  if (cell.length === 4 && cell.toLowerCase() === 'true') return true
  if (cell.length === 5 && cell.toLowerCase() === 'false') return false
  if (cell.length > 25 || !startsLikeNumber(cell.charCodeAt(0)) || !cellNumber.test(cell)) return cell
  if (significantDigits(cell) > mostDigits) return cell

  return exactNumber(cell)
}

function startsLikeNumber(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d
}

function significantDigits(cell: string): number {
  return cell
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '').length
}
