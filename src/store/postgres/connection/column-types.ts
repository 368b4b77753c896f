/**
 * How the columns that the engine reads become values: as `pg` does it unless told otherwise. An application may tell its
 * copy of `pg` otherwise for all its pools, with `types.setTypeParser`, and the engine must read its own tables all the same.
 */
import type { PgTypes } from './peer.ts'

type Parse = (text: string) => unknown
type ParseArray = (text: string, transform: Parse) => unknown

const bool: Parse = (text) => text === 't'
const same: Parse = (text) => text
const bytes: Parse = (text) => Buffer.from(text.slice(2), 'hex')

/** By the numbers of PostgreSQL's catalogue: bool, int2, int4, oid, float4, float8, json, jsonb, bytea. All others stay text. */
const single: Readonly<Record<number, Parse>> = {
  16: bool,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  114: JSON.parse,
  3802: JSON.parse,
  17: bytes,
}

/** Of bool, int2, int4, float8, int8, text, varchar, uuid, json, jsonb, bytea. */
const ofMany: Readonly<Record<number, Parse>> = {
  1000: bool,
  1005: Number,
  1007: Number,
  1022: Number,
  1016: same,
  1009: same,
  1015: same,
  2951: same,
  199: JSON.parse,
  3807: JSON.parse,
  1001: bytes,
}

export function columnTypes(parseArray: ParseArray): PgTypes {
  const parsers = new Map<number, Parse>()
  for (const [oid, parse] of Object.entries(single)) parsers.set(Number(oid), (text) => parse(text))
  for (const [oid, parse] of Object.entries(ofMany)) {
    const element: Parse = (text) => (text === null ? null : parse(text))
    parsers.set(Number(oid), (text) => parseArray(text, element))
  }

  return { getTypeParser: (oid) => (parsers.get(oid) ?? same) as (text: never) => unknown }
}
