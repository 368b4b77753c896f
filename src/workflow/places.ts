/** The input of a step for readers: what was given, and words where the results of other steps will stand. */
import { withValue, type Wire } from './graph.ts'
import { stepId, type StepNote } from './note.ts'

export function withPlaces(input: unknown, note: StepNote): unknown {
  return (note.holes ?? []).reduce((whole, { at, wire, under }) => {
    const words = wordsOf(wire, note)

    return under ? { ...(whole as object), '…': words } : withValue(whole, at, words)
  }, input)
}

function wordsOf(wire: Wire, note: StepNote): unknown {
  const job = (step: number) => stepId(note.id, step, note.last)
  const path = (keys: readonly string[] = []) => (keys.length > 0 ? `${keys.join('.')} of ` : '')
  if ('step' in wire) return `<${path(wire.path)}the result of ${job(wire.step)}>`
  if ('outcome' in wire) return `<${path(wire.path)}the end of ${job(wire.outcome)}>`
  if ('steps' in wire || 'joined' in wire) {
    const [first, count] = 'steps' in wire ? wire.steps : wire.joined
    return `<the results of ${job(first)} to ${job(first + count - 1)}>`
  }
  return 'list' in wire ? wire.list.map((each) => wordsOf(each, note)) : wire.value
}
