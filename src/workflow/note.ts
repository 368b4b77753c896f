/**
 * What a step's job knows of its workflow. It travels in the job's metadata, under a name that nobody else may use: readers,
 * handlers and middleware see the metadata without it.
 */
import { createHash } from 'node:crypto'
import { indexedTagPrefix } from '../job.ts'
import type { Hole } from './graph.ts'

export const noteKey = '$workflow'

export interface StepNote {
  /** The workflow's id, which is its last step's. */
  readonly id: string
  readonly name: string
  /** The workflow, or the job, whose handler has started this one, at the very beginning. */
  readonly of?: string
  /** The job whose handler has started this one. */
  readonly by?: string
  readonly step: number
  readonly last: number
  readonly total: number
  /** The numbers of the steps it waits for: `1-3,5`. */
  readonly after?: string
  /** On the last step: the numbers of the steps that wait for a signal, by its name. */
  readonly signals?: Readonly<Record<string, string>>
  /** On the last step of a flow that came with an id: of all its steps. */
  readonly digest?: string
  /** Where results of other steps belong in the stored input. */
  readonly holes?: readonly Hole[]
}

export const workflowTag = (id: string): string => `workflow:${id}`
/** On the last step of each, so that workflows can be listed. */
export const anyWorkflowTag = 'workflow'
export const signalTag = (id: string, name: string): string => `signal:${name}:${id}`

/** On the last step of each flow that a handler has started: the workflow that its job is a step of, or the job, finds it by this. */
export const partTag = (id: string): string => `${indexedTagPrefix}${id}`

/** The signals, by their tags, that a job of this workflow is held for. */
export function signalsOf(id: string, tags: readonly string[] = []): string[] {
  const [before, after] = ['signal:', `:${id}`]

  return tags
    .filter((tag) => tag.startsWith(before) && tag.endsWith(after))
    .map((tag) => tag.slice(before.length, -after.length))
}

export const stepId = (workflow: string, step: number, last: number): string =>
  step === last ? workflow : `${workflow}.${step}`

const longestChildId = 150

/** The id of a flow that a job's handler has started. Where it would grow with every level, a digest stands for the job's. */
export function childId(job: string, name: string): string {
  const id = `${job}:${name}`
  if (id.length <= longestChildId) return id

  return `${createHash('sha256').update(job).digest('base64url')}:${name}`
}

/** The note in decoded metadata, and the metadata without it. */
export function parted(metadata: Readonly<Record<string, unknown>>): {
  note: StepNote | undefined
  metadata: Readonly<Record<string, unknown>>
} {
  if (!Object.hasOwn(metadata, noteKey)) return { note: undefined, metadata }
  const { [noteKey]: note, ...rest } = metadata

  return { note: note as StepNote, metadata: rest }
}

/** `1-3,5` for 1, 2, 3, 5. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const range = ranges.at(-1)
    if (range && range[1] + 1 === number) range[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

export function numbersOf(ranges: string | undefined): number[] {
  if (!ranges) return []

  return ranges.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, n) => from + n)
  })
}

/** Encoded metadata with a note, which stands at its end. */
export function noted(metadata: string | undefined, note: string): string {
  const before = metadata && metadata !== '{}' ? `${metadata.slice(0, -1)},` : '{'

  return `${before}"${noteKey}":${note}}`
}

/** Whether a note in encoded metadata may name holes: to see that it does not, nothing has to be decoded. */
export const mayHaveHoles = (metadata: string | undefined): boolean => metadata?.includes('"holes":') ?? false

/** The note in encoded metadata, as text. */
export function noteIn(metadata: string | undefined): string | undefined {
  if (!metadata?.includes(noteKey)) return undefined

  return JSON.stringify(parted(JSON.parse(metadata) as Record<string, unknown>).note)
}

export function withDigestInNote(metadata: string | undefined, digest: string): string {
  const { note, metadata: rest } = parted(JSON.parse(metadata!) as Record<string, unknown>)

  return noted(JSON.stringify(rest), JSON.stringify({ ...note, digest }))
}

/** Other metadata with the note of a job's own. */
export function withNote(metadata: string, own: string | undefined): string {
  const note = noteIn(own)

  return note ? noted(metadata, note) : metadata
}
