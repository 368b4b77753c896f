/** From medians to the rows that are printed. */
import type { Figure, Target } from './figures/figure.ts'
import type { Machine } from './machine.ts'
import type { Medians } from './measure.ts'
import type { EngineName } from './sides/names.ts'

/** One line of `--json`. What was not measured or not promised is null. */
export interface Row {
  /** What Errand ran on. */
  engine: EngineName
  figure: string
  ours: number | null
  /** Whom `value` belongs to. */
  peer: string | null
  value: number | null
  /** Ours divided by the peer's. */
  ratio: number | null
  /** What the ratio has to be; where there is no peer, what ours has to be. */
  target: number | null
  bound: Target['bound'] | null
  met: boolean | null
  unit: Figure['unit']
}

export function rows(figure: Figure, medians: Medians): Row[] {
  const ours = rounded(medians.get(figure.ours))
  const shared = { engine: figure.engine, figure: figure.name, ours, unit: figure.unit }
  const alone: Row = { ...shared, peer: null, value: null, ratio: null, ...judged(ours, figure.limit) }
  const beside = figure.beside.map(({ contender, ratio: target }): Row => {
    const value = rounded(medians.get(contender))
    const ratio = ours === null || value === null ? null : rounded(ours / value)

    return { ...shared, peer: contender.label, value, ratio, ...judged(ratio, target) }
  })

  return figure.limit || beside.length === 0 ? [alone, ...beside] : beside
}

function judged(value: number | null, target: Target | undefined): Pick<Row, 'target' | 'bound' | 'met'> {
  if (!target) return { target: null, bound: null, met: null }

  const met = value === null ? null : target.bound === 'at least' ? value >= target.value : value <= target.value

  return { target: target.value, bound: target.bound, met }
}

/** Three digits, or whole numbers. */
function rounded(value: number | undefined): number | null {
  if (value === undefined || Number.isNaN(value)) return null

  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}

export function machineText({ machine, load, disk, versions, settings }: Machine): string {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = { machine, load, disk, versions: list.join(', '), ...settings }

  return Object.entries(lines)
    .map(([name, text]) => `${name.padEnd(17)} ${text}`)
    .join('\n')
}

const columns = [24, 12, 17, 12, 8, 15] as const

export const tableHead = line(['figure', 'ours', 'peer', 'its figure', 'ratio', 'target', ''])

export function tableText(figure: Figure, figureRows: readonly Row[]): string {
  return [`${figure.engine} ${figure.name}: ${figure.says} (${figure.unit})`, ...figureRows.map(rowText)].join('\n')
}

function rowText(row: Row): string {
  const { ours, peer, value, ratio, target, bound, met } = row
  const promise = target === null ? '' : `${bound === 'at least' ? '>=' : '<='} ${target}${peer === null ? '' : 'x'}`
  const verdict = met === null ? '' : met ? 'met' : 'MISSED'
  const times = ratio === null ? '–' : `${ratio}x`

  return line([
    '',
    shown(ours),
    peer ?? '',
    peer === null ? '' : shown(value),
    peer === null ? '' : times,
    promise,
    verdict,
  ])
}

function shown(value: number | null): string {
  return value === null ? '–' : value.toLocaleString('en')
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => cell.padEnd(columns[at] ?? 0))
    .join('')
    .trimEnd()
}
