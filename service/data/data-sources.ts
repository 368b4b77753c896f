/** The uploaded sources of each account: a row here and a file with a name of ours. */
import { rm } from 'node:fs/promises'
import type { Selectable } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables.ts'
import { Problem } from '../http/problem.ts'
import { uploadPath, type DataFolders } from './folders.ts'
import type { ReceivedFile } from './receive-upload.ts'
import type { UploadKind } from './upload-kind.ts'

export type SourceRow = Selectable<Tables['data_sources']>

/** What one account may keep. */
const storageLimits = { bytes: 10 * 1024 ** 3, files: 1_000 }

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export class Sources {
  readonly #database: Database
  readonly #folders: DataFolders
  readonly #now: () => number

  constructor(database: Database, folders: DataFolders, now: () => number = Date.now) {
    this.#database = database
    this.#folders = folders
    this.#now = now
  }

  /**
   * The source of this name: an id is the caller's own upload, anything else a sample.
   *
   * @throws Problem when there is no such upload, or it is somebody else's.
   */
  async named(userId: number, name: string) {
    if (!uuid.test(name)) return { from: 'sample' as const, name }
    const row = await this.find(userId, name.toLowerCase())
    if (!row) {
      const message = 'there is no uploaded source of this id'
      throw new Problem('invalid', 'The data source does not exist.', {
        errors: [{ pointer: '/data_source', message }],
      })
    }

    return { from: 'upload' as const, id: row.id, kind: row.kind as UploadKind }
  }

  find(userId: number, id: string): Promise<SourceRow | undefined> {
    return this.#database
      .selectFrom('data_sources')
      .selectAll()
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .executeTakeFirst()
  }

  /** Newest first. */
  list(userId: number, skip: number, limit: number): Promise<SourceRow[]> {
    return this.#database
      .selectFrom('data_sources')
      .selectAll()
      .where('user_id', '=', userId)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(skip)
      .limit(limit)
      .execute()
  }

  /** @throws Problem when the account's room is used up. */
  async checkRoom(userId: number): Promise<void> {
    const used = await this.#database
      .selectFrom('data_sources')
      .select((each) => [each.fn.countAll<number>().as('files'), each.fn.sum<number | null>('bytes').as('bytes')])
      .where('user_id', '=', userId)
      .executeTakeFirstOrThrow()
    if (used.files < storageLimits.files && (used.bytes ?? 0) < storageLimits.bytes) return

    throw new Problem('too-large', 'Your uploads fill the room there is for them. Delete some first.')
  }

  /** Records a file that stands in its place already. */
  async add(userId: number, id: string, file: ReceivedFile): Promise<SourceRow> {
    const row = {
      id,
      user_id: userId,
      name: file.name ?? null,
      kind: file.kind,
      bytes: file.bytes,
      sha256: file.sha256,
      created_at: this.#now(),
    }
    await this.#database.insertInto('data_sources').values(row).execute()

    return row
  }

  async remove(row: SourceRow): Promise<void> {
    await this.#database.deleteFrom('data_sources').where('id', '=', row.id).execute()
    await rm(uploadPath(this.#folders, row.id, row.kind as UploadKind), { force: true })
  }
}
