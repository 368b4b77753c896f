/** A key of its own for each purpose, all from the one secret: what signs one thing can then not forge another. */
import { createHash, createHmac, hkdfSync } from 'node:crypto'

export interface Keys {
  /** Signs access tokens. */
  readonly access: Uint8Array
  /** Makes password reset tokens. */
  readonly reset: Uint8Array
}

export function deriveKeys(secretKey: string): Keys {
  const derive = (purpose: string) => new Uint8Array(hkdfSync('sha256', secretKey, '', `errand-service ${purpose}`, 32))

  return { access: derive('access token'), reset: derive('password reset') }
}

/** How a token of 256 random bits is kept: found by, but not made from. */
export const tokenHash = (token: string) => createHash('sha256').update(token).digest('base64url')

/**
 * The reset token that belongs to one request for it. It is computed where it is needed, so that neither a job's
 * input nor a database ever holds it.
 */
export function resetToken(key: Uint8Array, requestId: string): string {
  return createHmac('sha256', key).update(requestId).digest('base64url')
}
