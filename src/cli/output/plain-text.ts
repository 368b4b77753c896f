/**
 * Text from a store, made safe for a terminal.
 *
 * Inputs, results, errors and log lines come from anywhere. Escape sequences in them
 * could move the cursor, forge a line or write to the clipboard, so they are taken out,
 * and what is left of control characters is shown instead of obeyed.
 */
import { stripVTControlCharacters } from 'node:util'

/** Control characters, line separators, and the marks that turn the direction of writing round. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g
const unsafeInBlock =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': ' ' }
const asCode = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** On one line, whatever was in it. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(unsafe, (character) => named[character] ?? asCode(character))
}

/** Over several lines, each indented, so that none can pass for a line of our own. */
export function block(text: string, indent = '  '): string {
  const safe = stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(unsafeInBlock, asCode)

  return safe.replaceAll(/^/gm, indent)
}

/** JSON whose texts hold no character that a terminal obeys; it parses to the same value. */
export function safeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null'

  return text.replace(unsafe, (character) => (character === '\n' ? character : asCode(character)))
}
