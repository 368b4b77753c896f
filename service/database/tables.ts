/** The service's tables as Kysely knows them. The statements that make them are in `migrations/`. */
import type { Generated } from 'kysely'

/** Milliseconds since 1970. */
type Moment = number

export interface Tables {
  users: {
    id: Generated<number>
    email: string
    name: string | null
    password_hash: string
    active: Generated<number>
    created_at: Moment
  }
  sessions: {
    id: string
    user_id: number
    created_at: Moment
    expires_at: Moment
    revoked_at: Moment | null
  }
  refresh_tokens: { hash: string; session_id: string; created_at: Moment; used_at: Moment | null }
  password_resets: {
    hash: string
    user_id: number
    created_at: Moment
    expires_at: Moment
    used_at: Moment | null
  }
  tasks: {
    id: Generated<number>
    task_id: string
    task_type: string
    user_id: number
    status: Generated<string>
    progress: Generated<number>
    /** JSON, like `metadata`. */
    result: string | null
    error: string | null
    metadata: string
    created_at: Moment
    started_at: Moment | null
    completed_at: Moment | null
  }
  /** Jobs that a committed change asks for and that may not be in the store yet. */
  outbox: { id: string; task: string; input: string; options: string; created_at: Moment }
  idempotency: {
    user_id: number
    key: string
    fingerprint: string
    /** The id of what the request makes, fixed before it is made. */
    resource_id: string
    /** The process that works on it. One that no longer lives has left it half-way. */
    process: string
    status: number | null
    headers: string | null
    body: string | null
    created_at: Moment
  }
  sent_emails: {
    id: string
    user_id: number | null
    recipient: string
    subject: string
    /** The first 100 characters; null for messages that carry secrets. */
    excerpt: string | null
    priority: string
    message_id: string
    sent_at: Moment
  }
  data_sources: {
    id: string
    user_id: number
    name: string | null
    kind: string
    bytes: number
    sha256: string
    created_at: Moment
  }
}
