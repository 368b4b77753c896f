/** A workflow as text and as a Mermaid chart. Steps that differ in nothing but their number are drawn as one. */
import type { WorkflowInfo, WorkflowStep } from './overview.ts'

export interface DrawnSteps {
  /** The numbers of the steps, as far as they are of this workflow: `2-10`; else their ids. */
  readonly label: string
  readonly count: number
  readonly first: WorkflowStep
  /** Where in the list those stand that it waits for, or whose handler has started it. */
  readonly after: readonly number[]
  readonly startedBy: number | undefined
}

/** In the order of the steps. */
export function drawnSteps({ id, steps }: WorkflowInfo): DrawnSteps[] {
  const groups: WorkflowStep[][] = []
  for (const step of steps) {
    const group = groups.at(-1)
    if (group && isAlike(group[0]!, step)) group.push(step)
    else groups.push([step])
  }
  const places = new Map(groups.flatMap((group, place) => group.map((step) => [step.id, place] as const)))

  return groups.map((group) => {
    const first = group[0]!
    const after = new Set(first.after.map((before) => places.get(before)).filter((place) => place !== undefined))
    const [from, to] = [label(id, first, steps), label(id, group.at(-1)!, steps)]

    return {
      label: group.length === 1 ? from : `${from}-${to}`,
      count: group.length,
      first,
      after: [...after],
      startedBy: first.startedBy === undefined ? undefined : places.get(first.startedBy),
    }
  })
}

function isAlike(one: WorkflowStep, other: WorkflowStep): boolean {
  return (
    one.task === other.task &&
    one.signal === other.signal &&
    one.state === other.state &&
    one.startedBy === other.startedBy &&
    one.after.length === other.after.length &&
    one.after.every((id, at) => id === other.after[at])
  )
}

/** What its box says: the task, and which signal it waits for. */
export function stepTitle({ first: { task, signal }, count }: DrawnSteps): string {
  const title = signal === undefined ? task : `${task}: ${signal}`

  return count > 1 ? `${count} × ${title}` : title
}

function label(workflow: string, { id }: WorkflowStep, steps: readonly WorkflowStep[]): string {
  if (id === workflow) return String(steps.filter(({ startedBy }) => startedBy === undefined).length)

  return id.startsWith(workflow) ? id.slice(workflow.length + 1) : id
}

/** What a Mermaid renderer turns into a picture. */
export function mermaid(info: WorkflowInfo): string {
  const drawn = drawnSteps(info)
  const nodes = drawn.map((steps, at) => `  s${at}["${quoted(stepTitle(steps))}"]:::${steps.first.state}`)
  const edges = drawn.flatMap(({ after, startedBy }, at) => [
    ...after.map((before) => `  s${before} --> s${at}`),
    ...(startedBy === undefined || after.length > 0 ? [] : [`  s${startedBy} -. runs .-> s${at}`]),
  ])

  return ['flowchart TD', ...nodes, ...edges, ...classes].join('\n')
}

const quoted = (text: string) => text.replaceAll('"', '#quot;')

const classes = [
  '  classDef scheduled fill:#f3e8fb,stroke:#8a5ab0',
  '  classDef blocked fill:#ffffff,stroke:#999999,stroke-dasharray:4',
  '  classDef ready fill:#ffffff,stroke:#1e78b4',
  '  classDef succeeded fill:#d3f2d9,stroke:#2e8b57',
  '  classDef failed fill:#fbd5d5,stroke:#b22222',
  '  classDef expired fill:#fbe7c6,stroke:#b8860b',
  '  classDef running fill:#d2ecfa,stroke:#1e78b4',
  '  classDef cancelled fill:#eeeeee,stroke:#999999',
]
