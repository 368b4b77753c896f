import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering, publicRoutes } from '../auth/guard.ts'
import { aService, finished } from './a-service.ts'

test('every route that is not listed as public needs a token, and no route of another account answers', async (t) => {
  const service = await aService(t)
  const ann = await service.signIn('ann@example.com')
  const eve = await service.signIn('eve@example.com')
  const task = (await (
    await service.request('POST', '/tasks/data/process', {
      token: ann,
      json: { data_source: 'users', processing_type: 'clean' },
    })
  ).json()) as { task_id: string }
  await finished(service, ann, task.task_id)
  const upload = await service.app.request('/data/sources', {
    method: 'POST',
    headers: { Authorization: `Bearer ${ann}`, 'Content-Type': 'text/csv' },
    body: 'a,b\n1,2\n',
  })
  const source = (await upload.json()) as { id: string }

  const callers = { nobody: undefined, forger: 'x.y.z', eve, ann }
  const matrix: Record<string, number[]> = {}
  for (const route of inOrder(answering(service.app.routes))) {
    const [method, pattern] = route.split(' ') as [string, string]
    const path = pattern.replace(':task_id', task.task_id).replace(':source_id', source.id)
    matrix[route] = []
    for (const token of Object.values(callers)) {
      const response = await service.request(method, path, {
        ...(token && { token }),
        ...(method === 'POST' && { json: {} }),
      })
      await response.body?.cancel()
      matrix[route].push(response.status)
    }
  }

  // Without a token, with a forged one, as somebody else, as the owner. A new route needs a line here.
  assert.deepEqual(matrix, {
    'GET /users/me': [401, 401, 200, 200],
    'GET /tasks': [401, 401, 200, 200],
    'POST /tasks/email/send': [401, 401, 422, 422],
    'POST /tasks/data/process': [401, 401, 422, 422],
    'GET /tasks/:task_id': [401, 401, 404, 200],
    'GET /tasks/:task_id/events': [401, 401, 404, 200],
    'GET /tasks/:task_id/result': [401, 401, 404, 200],
    'POST /data/sources': [401, 401, 201, 201],
    'GET /data/sources': [401, 401, 200, 200],
    'GET /emails/sent': [401, 401, 200, 200],
    'DELETE /tasks/:task_id': [401, 401, 404, 404],
    'DELETE /data/sources/:source_id': [401, 401, 404, 204],
    'POST /logout': [401, 401, 204, 204],
  })
})

/** What ends something comes last. */
function inOrder(routes: readonly string[]): string[] {
  const rank = (route: string) => (route === 'POST /logout' ? 2 : route.startsWith('DELETE') ? 1 : 0)

  return [...new Set(routes)].filter((route) => !publicRoutes.has(route)).toSorted((a, b) => rank(a) - rank(b))
}
