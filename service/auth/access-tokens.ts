/** Access tokens: short-lived JWTs that name an account and a session. One algorithm, one key, every claim required. */
import { randomUUID } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'

export interface AccessClaims {
  readonly userId: number
  readonly sessionId: string
}

const issuer = 'errand-service'
const audience = 'errand-service'
const type = 'at+jwt'
/** Ours have some 400. */
const longest = 2_000

export class AccessTokens {
  readonly lifeSeconds: number
  readonly #key: Uint8Array
  readonly #now: () => number

  constructor(key: Uint8Array, minutes: number, now: () => number = Date.now) {
    this.#key = key
    this.lifeSeconds = minutes * 60
    this.#now = now
  }

  sign({ userId, sessionId }: AccessClaims): Promise<string> {
    const seconds = Math.floor(this.#now() / 1000)

    return new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: 'HS256', typ: type })
      .setSubject(String(userId))
      .setIssuer(issuer)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(seconds)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + this.lifeSeconds)
      .sign(this.#key)
  }

  /** What the token says, or undefined if it is not one of ours, has ended, or has not begun. */
  async verify(token: string): Promise<AccessClaims | undefined> {
    if (token.length > longest || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: ['HS256'],
        typ: type,
        issuer,
        audience,
        requiredClaims: ['sub', 'sid', 'exp', 'nbf', 'iat', 'jti'],
        maxTokenAge: this.lifeSeconds,
        currentDate: new Date(this.#now()),
      })

      if (!Number.isInteger(payload.exp) || payload.exp! - payload.iat! > this.lifeSeconds) return undefined
      return claimsOf(payload.sub, payload['sid'], payload.aud)
    } catch {
      return undefined
    }
  }
}

/** A list of audiences would make the token good for somebody else too; ours name one. */
function claimsOf(subject: unknown, sessionId: unknown, audiences: unknown): AccessClaims | undefined {
  if (typeof audiences !== 'string' || typeof sessionId !== 'string') return undefined
  if (typeof subject !== 'string' || !/^[1-9]\d{0,14}$/.test(subject)) return undefined

  return { userId: Number(subject), sessionId }
}
