/** Where and with what the figures were taken: without it they mean nothing. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type EngineName, loadEngine } from './engines/engine.ts'
import { median } from './order.ts'
import { monotonicMs } from './work.ts'

export interface Machine {
  machine: string
  load: string
  disk: string
  versions: Record<string, string>
  settings: Record<string, string>
}

export async function describeMachine(
  engines: readonly EngineName[],
  folder: string,
  redis: string | undefined,
): Promise<Machine> {
  const cpus = os.cpus()
  const settings: Record<string, string> = {}
  for (const engine of engines) settings[engine] = (await loadEngine(engine)).settings

  return {
    machine: `${cpus.length} x ${cpus[0]?.model ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}`,
    load: `${os.loadavg()[0]!.toFixed(2)} at the start`,
    disk: `a write of 4 KiB and fdatasync takes ${syncMs(folder).toFixed(2)} ms (median of 100)`,
    versions: {
      node: process.versions.node,
      'node:sqlite': process.versions.sqlite ?? 'unknown',
      ...(engines.includes('plainjob') && packageVersions(['plainjob', 'better-sqlite3'])),
      ...(redis !== undefined && { ...packageVersions(['bullmq', 'ioredis']), redis: redisVersion(redis) }),
    },
    settings,
  }
}

function packageVersions(names: readonly string[]): Record<string, string> {
  const modules = path.join(import.meta.dirname, 'node_modules')
  const version = (name: string) => {
    const text = fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8')

    return (JSON.parse(text) as { version: string }).version
  }

  return Object.fromEntries(names.map((name) => [name, version(name)]))
}

function redisVersion(program: string): string {
  return /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
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
