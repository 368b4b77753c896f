/** What the service can do, for machines and for people: the OpenAPI document, and Swagger UI from our own files. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Context } from 'hono'
import { html } from 'hono/html'
import { page } from '../http/page.ts'
import { Problem, problemKinds, type ProblemName } from '../http/problem.ts'
import { makeRouter, type Router } from '../http/router.ts'
import { pagePolicy } from '../http/security-headers.ts'

const require = createRequire(import.meta.url)
const ownFile = (name: string) => new URL(name, import.meta.url)
const swaggerFile = (name: string) => require.resolve(`swagger-ui-dist/${name}`)

/** The files there are. A name that is not here is not looked up anywhere. */
const docsFiles: Record<string, { readonly path: URL | string; readonly type: string }> = {
  'swagger-ui.css': { path: swaggerFile('swagger-ui.css'), type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { path: swaggerFile('swagger-ui-bundle.js'), type: 'text/javascript; charset=utf-8' },
  'favicon-32x32.png': { path: swaggerFile('favicon-32x32.png'), type: 'image/png' },
  'docs.css': { path: ownFile('./docs.css'), type: 'text/css; charset=utf-8' },
  'open.js': { path: ownFile('./open.js'), type: 'text/javascript; charset=utf-8' },
}
const assets: typeof docsFiles = {
  'page.css': { path: ownFile('../http/assets/page.css'), type: 'text/css; charset=utf-8' },
}

const info = {
  openapi: '3.1.0',
  info: {
    title: 'Errand service',
    version: '1',
    description:
      'E-mails and data processing as background tasks. Register at `POST /register`, press **Authorize** and sign in with your e-mail address and password.',
  },
} as const

/** `described` is the router whose routes the document lists. */
export function docsRoutes(described: Router): Router {
  const router = makeRouter()
  let document: string | undefined

  router.get('/', (c) => c.json({ service: 'errand', docs: '/docs', openapi: '/openapi.json', health: '/readyz' }))
  router.get('/openapi.json', (c) => {
    document ??= JSON.stringify(described.getOpenAPI31Document(info))
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })
  router.get('/docs', (c) => {
    c.header('Content-Security-Policy', pagePolicy)
    return c.html(docsPage)
  })
  router.get('/docs/:file', (c) => sendFile(c, docsFiles, c.req.param('file')))
  router.get('/assets/:file', (c) => sendFile(c, assets, c.req.param('file')))
  router.get('/problems/:kind', (c) => problemPage(c, c.req.param('kind')))

  return router
}

/** Declares how a token is got, so that the page's Authorize button can get one. */
export function describeSecurity(router: Router): void {
  router.openAPIRegistry.registerComponent('securitySchemes', 'password', {
    type: 'oauth2',
    flows: { password: { tokenUrl: '/token', refreshUrl: '/token', scopes: {} } },
  })
}

const docsPage = html`<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Errand service</title>
      <link rel="icon" href="/docs/favicon-32x32.png" />
      <link rel="stylesheet" href="/docs/swagger-ui.css" />
      <link rel="stylesheet" href="/docs/docs.css" />
    </head>
    <body>
      <div id="docs"></div>
      <script src="/docs/swagger-ui-bundle.js"></script>
      <script src="/docs/open.js"></script>
    </body>
  </html>`

async function sendFile(c: Context, files: typeof docsFiles, name: string): Promise<Response> {
  const file = Object.hasOwn(files, name) ? files[name] : undefined
  if (!file) throw new Problem('not-found', 'There is no such file.')

  return c.body(await readFile(file.path), 200, { 'Content-Type': file.type, 'Cache-Control': 'public, max-age=3600' })
}

function problemPage(c: Context, kind: string) {
  const problem = Object.hasOwn(problemKinds, kind) ? problemKinds[kind as ProblemName] : undefined
  if (!problem) throw new Problem('not-found', 'There is no such problem.')

  return page(
    c,
    problem.title,
    html`<p>${problem.help}</p>
      <p class="quiet">Answered with status ${problem.status}.</p>`,
  )
}
