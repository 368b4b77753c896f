/** The workflows that every side is given, made of what it has for them. */

export interface FlowShape {
  /**
   * `chain`: one step after the other. `chord`: steps side by side, and one that takes all their results.
   * `graph`: sixteen first steps, three that take the results of five or six of those, and one that takes theirs.
   */
  readonly name: 'chain' | 'chord' | 'graph'
  /** Of a chain its steps, of a chord its members. */
  readonly size: number
}

/** How many first steps each of the second ones waits for. */
export const graphParts = [6, 5, 5] as const
export const graph: FlowShape = { name: 'graph', size: 16 }

export function stepsOf({ name, size }: FlowShape): number {
  return size + { chain: 0, chord: 1, graph: graphParts.length + 1 }[name]
}

/** A step's result tells how many steps have led to it, so that the last one's proves that all results were handed on. */
export interface FlowResult {
  sent: number
  messageId: string
}

/** What a step does with the results of those before it. */
export type FlowHandler = (before: readonly FlowResult[]) => FlowResult

export function flowWork(before: readonly FlowResult[]): FlowResult {
  const sent = before.reduce((sum, result) => sum + result.sent, 1)

  return { sent, messageId: `<${sent}@mail.example.com>` }
}
