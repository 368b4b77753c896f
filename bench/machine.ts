/** Where and with what the figures were taken: without it they mean nothing. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Contender } from './figures/figure.ts'
import { median } from './order.ts'
import { type Python, pythonSettings } from './python/python.ts'
import { type EngineName, isPython, type SideName } from './sides/names.ts'
import { loadSide } from './sides/side.ts'
import type { Stores } from './stores/stores.ts'
import { monotonicMs } from './work.ts'

export interface Machine {
  machine: string
  load: string
  disk: string
  versions: Record<string, string>
  settings: Record<string, string>
}

export interface Present {
  contenders: readonly Contender[]
  stores: Partial<Record<EngineName, Stores>>
  folder: string
  python: Python | undefined
}

/** What each side is made of, besides its own name where that is a package. */
const packages: Partial<Record<SideName, readonly string[]>> = {
  plainjob: ['plainjob', 'better-sqlite3'],
  bullmq: ['bullmq', 'ioredis'],
  'graphile-worker': ['graphile-worker', 'pg'],
  'pg-boss': ['pg-boss', 'pg'],
}

export async function describeMachine({ contenders, stores, folder, python }: Present): Promise<Machine> {
  const cpus = os.cpus()
  const engines = Object.entries(stores)
  const sides = [...new Set(contenders.map(({ side }) => side))]

  return {
    machine: `${cpus.length} x ${cpus[0]?.model ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}`,
    load: `${os.loadavg()[0]!.toFixed(2)} at the start`,
    disk: `a write of 4 KiB and fdatasync takes ${syncMs(folder).toFixed(2)} ms (median of 100)`,
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(engines.map(([engine, { version }]) => [engine, version])),
      ...packageVersions(sides.flatMap((side) => packages[side] ?? [])),
      ...(sides.some(isPython) && python?.versions),
    },
    settings: {
      ...Object.fromEntries(engines.map(([engine, { settings }]) => [engine, settings])),
      ...(await settingsOf(contenders)),
    },
  }
}

async function settingsOf(contenders: readonly Contender[]): Promise<Record<string, string>> {
  const settings: Record<string, string> = {}
  for (const { side, engine } of contenders) {
    const text = isPython(side) ? pythonSettings[side] : (await loadSide(side)).settings[engine]
    settings[side === 'errand' ? `errand, ${engine}` : side] = text ?? 'as it comes'
  }

  return settings
}

function packageVersions(names: readonly string[]): Record<string, string> {
  const modules = path.join(import.meta.dirname, 'node_modules')
  const version = (name: string) => {
    const text = fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8')

    return (JSON.parse(text) as { version: string }).version
  }

  return Object.fromEntries(names.map((name) => [name, version(name)]))
}

function syncMs(folder: string): number {
  const file = path.join(folder, 'sync')
  const descriptor = fs.openSync(file, 'w')
  const page = Buffer.alloc(4096, 1)
  const tookMs = Array.from({ length: 100 }, () => {
    const startedAt = monotonicMs()
    fs.writeSync(descriptor, page)
    fs.fdatasyncSync(descriptor)

    return monotonicMs() - startedAt
  })

  fs.closeSync(descriptor)
  fs.rmSync(file)

  return median(tookMs)
}
