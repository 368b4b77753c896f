/**
 * What the pages say, held against what is there.
 *
 * A code block that starts with `// examples/NN-name.ts` is that file, with or without
 * its first comment, up to its `// prints:`; one that starts with `// from examples/NN-name.ts` is a part of it.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const outside = ['**/node_modules/**', '.cache/**', 'data/**', 'dist/**']
const pages = globSync('**/*.md', { cwd: root, exclude: outside })

const read = (file: string) => readFileSync(join(root, file), 'utf8')

interface Block {
  page: string
  language: string
  text: string
}

function blocksOf(page: string): Block[] {
  return [...read(page).matchAll(/^```(\w*).*\n([^]*?)^```$/gm)].map(([, language, text]) => ({
    page,
    language: language!,
    text: text!,
  }))
}

/** A page without its code, where brackets mean something else. */
function prose(page: string): string {
  return read(page)
    .replaceAll(/^```[^]*?^```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, '')
}

interface Link {
  page: string
  target: string
}

function linksOf(page: string): Link[] {
  const targets = [...prose(page).matchAll(/\]\(<?([^)>\s]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target]) => target!)

  return targets.filter((target) => !/^[a-z]+:/.test(target)).map((target) => ({ page, target }))
}

function leadsNowhere({ page, target }: Link): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : path.startsWith('/') ? path.slice(1) : join(dirname(page), decodeURI(path))

  if (!existsSync(join(root, file))) return true
  return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+\s+(.*)$/gm)].map(([, heading]) => heading!)

  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  )
}

/** What is different between a code block and the example that it names. */
function differs({ page, text }: Block): string | undefined {
  const [first = '', ...rest] = text.split('\n')
  const [, part, file] = /^\/\/ (from )?(examples\/\S+\.ts)$/.exec(first) ?? []

  if (file === undefined) return undefined
  if (!existsSync(join(root, file))) return `${page} shows ${file}, which is not there`

  const shown = rest.join('\n').trim()
  const program = read(file).split('\n// prints:')[0]!.trim()
  const whole = [program, program.replace(/^\/\*\*[^]*?\*\/\s*/, '')]
  const same = part === undefined ? whole.includes(shown) : withoutIndent(program).includes(withoutIndent(shown))

  return same ? undefined : `${page} shows ${file} in other words than the file`
}

function withoutIndent(text: string): string {
  return text.replaceAll(/^\s+/gm, '')
}

test('links between pages lead somewhere', () => {
  const dead = pages.flatMap(linksOf).filter(leadsNowhere)

  assert.deepEqual(
    dead.map(({ page, target }) => `${page} -> ${target}`),
    [],
  )
})

test('every page says first for whom it is', () => {
  const written = pages.filter((page) =>
    /^docs\/(guide|reference|design)\/|^(ARCHITECTURE|CONTRIBUTING)\.md$/.test(page),
  )
  const silent = written.filter((page) => !/^# .+\n+For (?:who|some)/.test(read(page)))

  assert.ok(written.length > 0)
  assert.deepEqual(silent, [])
})

test('code on a page that names an example is that example', () => {
  const blocks = pages.flatMap(blocksOf).filter(({ language }) => language === 'ts')

  assert.deepEqual(
    blocks.map(differs).filter((difference) => difference !== undefined),
    [],
  )
})

test('every error code has its heading in the reference, and every heading its error', () => {
  const codes = found(/\bcode(?:: \w+)? = '([A-Z_]+)'/g, ...globSync('src/errors/*.ts', { cwd: root }))
  const headings = found(/^#+\s+`?([A-Z][A-Z_]+)`?\s*$/gm, 'docs/reference/errors.md')

  assert.ok(codes.length > 0)
  assert.deepEqual(headings, codes)
})

/** The first groups of all matches in these files, in alphabetical order. */
function found(pattern: RegExp, ...files: string[]): string[] {
  const words = files.flatMap((file) => [...read(file).matchAll(pattern)].map(([, word]) => word!))

  return words.toSorted((a, b) => a.localeCompare(b))
}
