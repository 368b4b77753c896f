/** The frame of the service's few small pages. They need no script; the style sheet is a file, as the policy wants. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import { pagePolicy } from './security-headers.ts'

type Html = ReturnType<typeof html>

export function page(c: Context, title: string, content: Html) {
  c.header('Content-Security-Policy', pagePolicy)

  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>${title}</title>
          <link rel="icon" href="/docs/favicon-32x32.png" />
          <link rel="stylesheet" href="/assets/page.css" />
        </head>
        <body>
          <main>
            <h1>${title}</h1>
            ${content}
          </main>
        </body>
      </html>`,
  )
}
