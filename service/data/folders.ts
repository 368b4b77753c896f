/** Where uploads and results are kept. */
import { join } from 'node:path'
import type { UploadKind } from './upload-kind.ts'

export interface DataFolders {
  readonly uploads: string
  readonly results: string
}

export function dataFolders(dataDir: string): DataFolders {
  return { uploads: join(dataDir, 'uploads'), results: join(dataDir, 'results') }
}

export const uploadPath = ({ uploads }: DataFolders, id: string, kind: UploadKind) => join(uploads, `${id}.${kind}`)
export const resultPath = ({ results }: DataFolders, taskId: string, format: string) =>
  join(results, `${taskId}.${format}`)
