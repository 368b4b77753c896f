/** Whether what is told is heard: asked by telling something. */
import { sleep, systemEnv } from '../../env.ts'
import type { Inspection } from '../store.ts'
import { reasonOf } from './connection/failures.ts'
import { inSchema } from './migrate.ts'
import type { News } from './news.ts'
import type { Opening } from './opening.ts'
import type { Statements } from './statements.ts'

const patienceMs = 3_000
const subject = 'listening'
const meanwhile = 'so work is looked for once a second'

export async function inspectListening(statements: Statements, news: News, opening: Opening): Promise<Inspection> {
  const { listens, pooled } = await opening.connected()
  if (!listens) {
    const detail = `Nothing can be heard through a pooler, ${meanwhile}. Give \`listenUrl\`, a URL that leads past it.`
    return { subject, verdict: 'warning', detail }
  }
  const trouble = await Promise.race([
    hears(statements, news, opening).then(() => undefined, reasonOf),
    // A server takes real time to answer, whatever the store's own clock is.
    sleep(systemEnv(), patienceMs).then(() => 'what is told here is not heard'),
  ])
  if (trouble === undefined) return { subject, verdict: 'good', detail: 'What is told is heard.' }

  const advice = pooled
    ? 'A pooler stands in between: add `pooler=true`, and `listenUrl`, a URL that leads past it.'
    : '`listenUrl`, where it is given, must lead to the same database.'
  return { subject, verdict: 'warning', detail: `Nothing is heard (${trouble}), ${meanwhile}. ${advice}` }
}

let told = 0

async function hears(statements: Statements, news: News, opening: Opening): Promise<void> {
  await opening.hearing()
  const { host, pid } = systemEnv()
  const token = `inspect-${host}-${pid}-${++told}`
  const heard = news.expected(token)
  await statements.all('select pg_notify($1, $2)', [inSchema('errand.news', opening.schema), `l${token}`])
  await heard
}
