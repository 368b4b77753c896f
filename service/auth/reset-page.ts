/** The page behind the link of a reset e-mail: one field and one button. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import { page } from '../http/page.ts'

export function resetPage(c: Context, token: string) {
  return page(
    c,
    'Choose a new password',
    html`<form method="post" action="/password/reset">
      <input type="hidden" name="token" value="${token.slice(0, 200)}" />
      <p>
        <label for="password">New password</label>
        <input
          id="password"
          type="password"
          name="new_password"
          minlength="8"
          maxlength="128"
          autocomplete="new-password"
          required
        />
      </p>
      <button>Set the password</button>
    </form>`,
  )
}
