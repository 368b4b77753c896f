/** The task that processes data: from a sample or an uploaded file to a result file, with progress. */
import { Fatal, type Errand } from 'errand'
import { z } from 'zod'
import { DataProcessingError } from './errors.ts'
import { resultPath, uploadPath, type DataFolders } from './folders.ts'
import { processData, processingTypes, type ProcessedData } from './process.ts'
import { sampleSource, uploadSource } from './sources.ts'
import type { Filters } from './filters.ts'
import { removeOldResults } from './old-files.ts'
import type { UploadKind } from './upload-kind.ts'
import { outputFormats } from './write-result.ts'

const dataInput = z.strictObject({
  source: z.discriminatedUnion('from', [
    z.strictObject({ from: z.literal('sample'), name: z.string() }),
    z.strictObject({ from: z.literal('upload'), id: z.uuid(), kind: z.enum(['csv', 'json', 'ndjson']) }),
  ]),
  processing_type: z.enum(processingTypes),
  output_format: z.enum(outputFormats),
  filters: z.custom<Filters | null>().optional(),
})

/** `data` is null where the result is too large to travel with the job; then it is in the file only. */
export type DataResult = Omit<ProcessedData, 'data'> & { data: string | null; download: string }

export function declareDataTasks(errand: Errand) {
  const processData = errand
    .declare('data.process', {
      input: dataInput,
      retry: { attempts: 3, first: '2s', max: '1m' },
      timeout: '2h',
      keep: { succeeded: '7d', failed: '14d' },
    })
    .returns<DataResult>()
  const removeOldResults = errand.declare('data.remove-old-results', { keep: { succeeded: '1h' } })
  errand.schedule('data.remove-old-results', { every: '1h', overlap: 'skip' }, removeOldResults.with())

  return { processData, removeOldResults }
}

type DataTasks = ReturnType<typeof declareDataTasks>

export function handleDataTasks(jobs: { readonly errand: Errand } & DataTasks, folders: DataFolders): void {
  jobs.errand.handle(jobs.processData, async ({ source, processing_type, output_format, filters }, job) => {
    const records = source.from === 'sample' ? sampleSource(source.name) : await opened(folders, source.id, source.kind)

    const { data, ...result } = await processData({
      records,
      filters,
      processingType: processing_type,
      outputFormat: output_format,
      outputPath: resultPath(folders, job.id, output_format),
      signal: job.signal,
      onProgress: ({ fraction, recordsRead }) =>
        job.progress(Math.floor((fraction ?? 0) * 1_000) / 10, { of: 100, data: { records: recordsRead } }),
    }).catch(giveUpWhereHopeless)

    return { ...result, data: data ?? null, download: `/tasks/${job.id}/result` }
  })
  jobs.errand.handle(jobs.removeOldResults, () => removeOldResults(folders))
}

async function opened(folders: DataFolders, id: string, kind: UploadKind) {
  try {
    return await uploadSource(uploadPath(folders, id, kind), { kind })
  } catch (error) {
    return giveUpWhereHopeless(new DataProcessingError(error))
  }
}

function giveUpWhereHopeless(error: unknown): never {
  if (error instanceof DataProcessingError && !error.retryable) throw new Fatal(error.message, { cause: error })
  throw error
}
