/** `errand workflows show` */
import { drawnSteps, mermaid, stepTitle, type DrawnSteps } from '../../workflow/drawing.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { oneLine } from '../output/plain-text.ts'
import type { Column } from '../output/table.ts'
import type { ShowWorkflowOptions } from '../program-workflows.ts'
import { stateStyle } from '../state-style.ts'

export async function run(invocation: Invocation, [id = '']: string[], options: ShowWorkflowOptions): Promise<number> {
  const { out } = invocation
  const info = await (await invocation.jobs()).workflow(id).graph()
  if (options.mermaid) {
    out.write(mermaid(info))
    return exitCodes.ok
  }
  if (!out.forPeople) {
    out.json(info)
    return exitCodes.ok
  }
  out.write(oneLine(`${info.name}: ${info.state}, ${info.done} of ${info.total} steps have ended`))
  const drawn = drawnSteps(info)
  out.rows(drawn, columnsFor(drawn))

  return exitCodes.ok
}

const columnsFor = (drawn: readonly DrawnSteps[]): Column<DrawnSteps>[] => [
  { title: 'step', value: ({ label }) => label },
  { title: 'state', value: ({ first }) => first.state, style: ({ first }) => stateStyle(first.state) },
  { title: 'task', value: stepTitle, flexible: true },
  { title: 'after', value: ({ after }) => after.map((place) => drawn[place]!.label).join(', ') },
  { title: 'started by', value: ({ startedBy }) => (startedBy === undefined ? '' : drawn[startedBy]!.label) },
  {
    title: 'error',
    value: ({ first: { error } }) => (error ? oneLine(`${error.name}: ${error.message}`) : ''),
    flexible: true,
  },
]
