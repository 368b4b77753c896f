/** Text in CSV that a spreadsheet would run as a formula. */

/** An apostrophe before what would be run, or the text as it is. */
export type Formulas = 'neutralise' | 'keep'

/**
 * Dangerous at the start of a cell, and where a spreadsheet that splits at other separators, or ignores our quotes,
 * would start one: after a semicolon, a tab, a line break, or quotes that follow one of these.
 */
const formulaStart = /(^"*|[;\t\r\n]"*)(?=[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20])/g
const maybeFormula = /[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/

export function neutralised(text: string): string {
  return maybeFormula.test(text) ? text.replace(formulaStart, "$1'") : text
}
