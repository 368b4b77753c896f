/** Requests as the tests make them, to a service in this process or in another. */

export const password = 'correct horse battery'

export interface RequestOptions {
  readonly token?: string
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

/** With a JSON body if there is one. */
export type Request = (method: string, path: string, options?: RequestOptions) => Promise<Response>

export function initOf(method: string, { token, json, headers }: RequestOptions = {}): RequestInit {
  return {
    method,
    headers: {
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  }
}

/** Registers an account and gives its access token. */
export async function signedIn(request: Request, email = 'ann@example.com'): Promise<string> {
  await request('POST', '/register', { json: { email, password } })
  const response = await request('POST', '/token', { json: { username: email, password } })

  return ((await response.json()) as { access_token: string }).access_token
}
