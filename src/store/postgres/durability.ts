/** What an acknowledged job survives, which the server's settings decide. */
import type { Capabilities } from '../store.ts'
import type { Query } from './connection/connection.ts'

interface Settings {
  readonly fsync: string
  readonly full_page_writes: string
  readonly commit: string
}

const text = `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as commit`

function durabilityOf({ fsync, full_page_writes, commit }: Settings): Capabilities['durability'] {
  return fsync === 'on' && full_page_writes === 'on' && commit !== 'off' ? 'power' : 'process'
}

export async function askDurability(query: Query): Promise<Capabilities['durability']> {
  const [settings] = await query<Settings>(text)

  return durabilityOf(settings!)
}
