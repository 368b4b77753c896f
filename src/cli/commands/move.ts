/** `errand move`: from one store to another, while both are worked with. */
import { durationMs } from '../../duration.ts'
import { systemEnv } from '../../env.ts'
import { MoveRefusedError } from '../../errors.ts'
import type { Side } from '../../move/agree.ts'
import { callOff, countMove, move, moveDefaults, type Left, type MoveReport } from '../../move/move.ts'
import { openStore, placeOf } from '../../store/open.ts'
import type { Capabilities } from '../../store/store.ts'
import { exitCodes, InterruptedError } from '../failures.ts'
import { interruptible } from '../interrupts.ts'
import { refuseMissingStore, type Invocation } from '../invocation.ts'
import type { Output } from '../output/output.ts'
import type { MoveOptions } from '../program-move.ts'
import { count } from '../unserved.ts'

/** From one line of progress to the next. */
const everyMs = 1_000

export async function run({ out }: Invocation, _args: string[], options: MoveOptions): Promise<number> {
  const waitMs = options.wait === undefined ? moveDefaults.waitMs : durationMs(options.wait, '--wait')
  await refuseMissingStore(options.from, 'Correct --from.')
  const from = await open(options.from)
  try {
    if (options.dryRun) return await dryRun(out, from, options.to)
    const to = await open(options.to)
    try {
      warnOfLess(out, from, to)
      if (options.callOff) return await endMove(out, { from, to })
      return await moveAll(out, { from, to, waitMs, follow: options.follow ?? false })
    } finally {
      await to.store.close()
    }
  } finally {
    await from.store.close()
  }
}

/** @throws StoreOpenError, MoveRefusedError for a store that nobody else can see */
async function open(url: string): Promise<Side> {
  const side = { store: await openStore(url, systemEnv()), name: placeOf(url) }
  try {
    refuseAlone(side)
    // Engines open at their first call, and only then know what jobs survive there.
    await side.store.get([])
    return side
  } catch (error) {
    await side.store.close()
    throw error
  }
}

function refuseAlone({ store, name }: Side): void {
  if (store.capabilities.shared) return
  throw new MoveRefusedError(
    `${name} is kept in the process that uses it, and this command is another one. Move from and to stores that processes share.`,
  )
}

/** The destination is not opened: looking must not make a store. */
async function dryRun(out: Output, from: Side, to: string): Promise<number> {
  if (placeOf(to) === from.name) {
    throw new MoveRefusedError(`${from.name} is both where the jobs are and where they are to go. Correct --to.`)
  }
  const { left, schedules } = await countMove(from)
  out.say(
    `This would move ${count(total(left), 'job')} and ${count(schedules, 'schedule')}; ${left.running} of them run now.`,
  )
  out.rows([{ ...left, schedules }], leftColumns)

  return exitCodes.ok
}

async function endMove(out: Output, sides: Pick<Asked, 'from' | 'to'>): Promise<number> {
  const report = await interruptible((signal) => callOff({ ...sides, env: systemEnv(), signal }))
  out.say(
    `The move has ended here, with ${count(moved(report), 'last job')} moved and ${count(total(report.left), 'job')} left.`,
  )
  out.rows([{ ...report.moved, schedules: report.schedules }], movedColumns)

  return exitCodes.ok
}

interface Asked {
  readonly from: Side
  readonly to: Side
  readonly waitMs: number
  readonly follow: boolean
}

async function moveAll(out: Output, asked: Asked): Promise<number> {
  const env = systemEnv()
  let toldAt = env.monotonic()
  const onProgress = (report: MoveReport) => {
    if (env.monotonic() - toldAt < everyMs) return
    toldAt = env.monotonic()
    out.say(`${count(moved(report), 'job')} moved…`)
  }
  let interrupted = false
  const report = await interruptible((signal) => {
    signal.addEventListener('abort', () => (interrupted = true))
    return move({ ...asked, env, signal, onProgress })
  })
  tellEnd(out, asked, report)

  if (interrupted && !asked.follow) throw new InterruptedError()
  return total(report.left) > 0 ? exitCodes.timedOut : exitCodes.ok
}

function tellEnd(out: Output, { from }: Asked, report: MoveReport): void {
  const { left, schedules } = report
  out.say(`${count(moved(report), 'job')} and ${count(schedules, 'schedule')} moved.`)
  out.rows([{ ...report.moved, schedules }], movedColumns)
  if (total(left) === 0) return

  out.warn(
    `Left in ${from.name}: ${left.running} running, ${left.waiting} waiting, ${left.final} ended. ` +
      'Jobs that run leave when they have ended, and those that wait for them then. Start it again to go on.',
  )
}

const safety: readonly Capabilities['durability'][] = ['none', 'process', 'second', 'power', 'replicated']

/** What survives in the first store may not in the second. */
function warnOfLess(out: Output, from: Side, to: Side): void {
  const [before, then] = [from.store.capabilities.durability, to.store.capabilities.durability]
  if (safety.indexOf(then) >= safety.indexOf(before)) return
  out.warn(`Jobs are kept less safely in ${to.name} ("${then}") than in ${from.name} ("${before}").`)
}

const total = ({ running, waiting, final }: Left) => running + waiting + final
const moved = (report: MoveReport) => Object.values(report.moved).reduce((sum, each) => sum + each, 0)

const movedStates = [
  'scheduled',
  'blocked',
  'ready',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'schedules',
] as const
const movedColumns = movedStates.map((title) => ({
  title,
  value: (row: Record<(typeof movedStates)[number], number>) => String(row[title]),
}))

const leftStates = ['running', 'waiting', 'final', 'schedules'] as const
const leftColumns = leftStates.map((title) => ({
  title,
  value: (row: Record<(typeof leftStates)[number], number>) => String(row[title]),
}))
