/** The order of insertion: of all jobs, and of those that share a tag that is indexed. */
import { indexedTagOf, isIndexed } from '../../job.ts'
import type { Data } from './data.ts'
import type { Entry } from './entry.ts'

export function addInOrder(data: Data, entry: Entry): void {
  data.ordered.push(entry)
  const tag = indexedTagOf(entry.job)
  if (tag === undefined) return
  const tagged = data.tagged.get(tag)
  if (tagged) tagged.entries.push(entry)
  else data.tagged.set(tag, { entries: [entry], erased: 0 })
}

/** One that was just erased may stay in its place, until too many do. */
export function dropFromOrder(data: Data, entry: Entry): void {
  const isKept = ({ erased }: Entry) => !erased
  if (data.ordered.length > 2 * data.jobs.size + 64) data.ordered = data.ordered.filter(isKept)
  const tag = indexedTagOf(entry.job)
  if (tag === undefined) return
  const tagged = data.tagged.get(tag)!
  if (++tagged.erased * 2 < tagged.entries.length) return
  const entries = tagged.entries.filter(isKept)
  if (entries.length > 0) data.tagged.set(tag, { entries, erased: 0 })
  else data.tagged.delete(tag)
}

/** Those among which all are that have this tag. */
export function inOrder(data: Data, tag: string | undefined): readonly Entry[] {
  return tag !== undefined && isIndexed(tag) ? (data.tagged.get(tag)?.entries ?? []) : data.ordered
}
