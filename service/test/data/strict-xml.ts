/**
 * A small strict reader of XML for the tests, written from the XML 1.0 grammar and not from our writer: elements,
 * attributes, text, character references. Whatever else it meets is an error.
 */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  readonly text: string
}

const nameAtStart = /^[\p{L}_][\p{L}\p{M}\p{Nd}_.·-]*/u
const legalCharacters = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u
const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

export function parseXml(source: string): XmlElement {
  if (!legalCharacters.test(source)) throw new Error('an illegal character')
  const reader = new Reader(source.replaceAll('\r\n', '\n').replaceAll('\r', '\n'))
  const root = reader.element()
  if (reader.rest !== '') throw new Error(`text after the root element: ${reader.rest.slice(0, 20)}`)

  return root
}

class Reader {
  rest: string

  constructor(source: string) {
    this.rest = source
  }

  element(): XmlElement {
    this.#take('<')
    const name = this.#name()
    const attributes = this.#attributes()
    if (this.#taken('/>')) return { name, attributes, children: [], text: '' }
    this.#take('>')
    const children: XmlElement[] = []
    let text = ''
    while (!this.#taken('</')) {
      if (this.rest.startsWith('<')) children.push(this.element())
      else text += this.#text()
    }
    if (this.#name() !== name) throw new Error(`${name} is closed by another name`)
    this.#take('>')

    return { name, attributes, children, text }
  }

  #attributes(): Map<string, string> {
    const attributes = new Map<string, string>()
    while (this.#taken(' ')) {
      const name = this.#name()
      this.#take('="')
      const end = this.rest.indexOf('"')
      const raw = this.rest.slice(0, end)
      if (end === -1 || raw.includes('<')) throw new Error('a broken attribute')
      if (attributes.has(name)) throw new Error(`the attribute ${name} twice`)
      attributes.set(name, unescaped(raw.replace(/[\t\n]/g, ' ')))
      this.rest = this.rest.slice(end + 1)
    }

    return attributes
  }

  #text(): string {
    const end = this.rest.indexOf('<')
    if (end === -1) throw new Error('an element is never closed')
    const raw = this.rest.slice(0, end)
    if (raw.includes(']]>')) throw new Error(']]> in text')
    this.rest = this.rest.slice(end)

    return unescaped(raw)
  }

  #name(): string {
    const name = nameAtStart.exec(this.rest)?.[0]
    if (name === undefined) throw new Error(`no name at ${this.rest.slice(0, 20)}`)
    this.rest = this.rest.slice(name.length)

    return name
  }

  #taken(text: string): boolean {
    if (!this.rest.startsWith(text)) return false
    this.rest = this.rest.slice(text.length)

    return true
  }

  #take(text: string): void {
    if (!this.#taken(text)) throw new Error(`expected ${text} at ${this.rest.slice(0, 20)}`)
  }
}

function unescaped(raw: string): string {
  return raw.replace(/&([^;]*);?/g, (whole, entity: string) => {
    const number = /^#(\d+)$/.exec(entity)
    const character = number ? String.fromCodePoint(Number(number[1])) : named[entity]
    if (character === undefined || !whole.endsWith(';') || !legalCharacters.test(character)) {
      throw new Error(`a broken reference ${whole.slice(0, 20)}`)
    }

    return character
  })
}
