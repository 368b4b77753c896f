/** The checker itself, on forged ledgers: one that never complains would be worthless. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { judge, type JobInTheEnd, type Verdict } from './checker.ts'
import {
  LedgerWriter,
  readLedger,
  type ControlLine,
  type ExecutionLine,
  type IntentLine,
  type Ledger,
} from './ledger.ts'

const id = 'job'
const bounds = { recoveryMs: 10_000 }

/** A ledger about one job; `a`, `b` and `c` are processes. */
function forged({ intent = asked, execution = [], control = [] }: Partial<Ledger>): Ledger {
  return { intent, execution, control }
}

const asked: IntentLine[] = [
  { kind: 'try', id, at: 0 },
  { kind: 'ack', id, at: 10 },
]
const ran = (by: string, token: number, from: number, to?: number): ExecutionLine[] => [
  { kind: 'granted', id, token, by, at: from - 1 },
  { kind: 'start', id, token, by, at: from },
  ...(to === undefined ? [] : [{ kind: 'end', id, token, by, at: to } as const]),
]
const settled = (by: string, at: number): ExecutionLine => ({ kind: 'settled', id, by, at })
const exit = (by: string, at: number): ControlLine => ({ kind: 'exit', by, at })
const succeeded = (by: string, token: number): JobInTheEnd => ({ id, state: 'succeeded', result: { token, by } })

const violations = [
  'lost',
  'ghost',
  'duplicated',
  'overlap',
  'zombieWrite',
  'resurrected',
  'disobeyed',
  'late',
  'unexpected',
  'blamed',
  'robbed',
] as const satisfies (keyof Verdict)[]

function found(ledger: Ledger, jobs: readonly JobInTheEnd[]): string[] {
  const verdict = judge(ledger, jobs, bounds)
  return violations.filter((violation) => verdict[violation].length > 0)
}

test('a job that was acknowledged, ran once and succeeded is fine', () => {
  const ledger = forged({ execution: [...ran('a', 1, 20, 30), settled('a', 40)] })
  const verdict = judge(ledger, [succeeded('a', 1)], bounds)

  assert.deepEqual(found(ledger, [succeeded('a', 1)]), [])
  assert.deepEqual([verdict.tried, verdict.acknowledged, verdict.ok, verdict.repeated], [1, 1, 1, 0])
})

test('an acknowledged job that is not there is lost', () => {
  assert.deepEqual(found(forged({}), []), ['lost'])
})

test('an acknowledged job that is not final is lost', () => {
  assert.deepEqual(found(forged({}), [{ id, state: 'ready' }]), ['lost'])
  assert.deepEqual(found(forged({ execution: ran('a', 1, 20) }), [{ id, state: 'running' }]), ['lost'])
})

test('a success whose handler never came to its end is a ghost', () => {
  const never = forged({ execution: ran('a', 1, 20) })
  const threw = forged({ execution: [...ran('a', 1, 20), { kind: 'threw', id, token: 1, by: 'a', at: 30 }] })
  const other = forged({ execution: ran('a', 1, 20, 30) })

  assert.deepEqual(found(never, [succeeded('a', 1)]), ['ghost'])
  assert.deepEqual(found(threw, [succeeded('a', 1)]), ['ghost'])
  assert.deepEqual(found(other, [succeeded('b', 1)]), ['ghost'])
})

test('a job that ran twice without a fault is duplicated', () => {
  const ledger = forged({ execution: [...ran('a', 1, 20, 30), ...ran('b', 2, 40, 50)] })

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), ['duplicated'])
})

test('a job that ran again because its process had died is not duplicated but repeated', () => {
  const ledger = forged({ execution: [...ran('a', 1, 20, 30), ...ran('b', 2, 400, 410)], control: [exit('a', 35)] })
  const verdict = judge(ledger, [succeeded('b', 2)], bounds)

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), [])
  assert.deepEqual([verdict.repeated, verdict.recovery.times, verdict.recovery.p99Ms], [1, 1, 365])
})

test('a process that died after the job ran again excuses nothing', () => {
  const execution = [...ran('a', 1, 20, 30), ...ran('b', 2, 40, 50)]

  assert.deepEqual(found(forged({ execution, control: [exit('a', 60)] }), [succeeded('b', 2)]), ['duplicated'])
})

test('a job that ran again because it threw is not duplicated', () => {
  const threw: ExecutionLine = { kind: 'threw', id, token: 1, by: 'a', at: 30 }
  const ledger = forged({ execution: [...ran('a', 1, 20), threw, ...ran('b', 2, 40, 50)] })

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), [])
})

test('two runs at the same time overlap, even where a fault explains the second', () => {
  const execution = [...ran('a', 1, 20, 900), ...ran('b', 2, 400, 410)]
  const control: ControlLine[] = [{ kind: 'fault', fault: 'freeze', by: 'a', at: 25 }]

  assert.deepEqual(found(forged({ execution, control }), [succeeded('b', 2)]), ['overlap'])
})

test('a run without an end lasts until its process dies, and for ever if it does not', () => {
  const execution = [...ran('a', 1, 20), ...ran('b', 2, 400, 410)]
  const freeze: ControlLine = { kind: 'fault', fault: 'freeze', by: 'a', at: 25 }

  assert.deepEqual(found(forged({ execution, control: [freeze, exit('a', 30)] }), [succeeded('b', 2)]), [])
  assert.deepEqual(found(forged({ execution, control: [freeze] }), [succeeded('b', 2)]), ['overlap'])
})

test('a result of a claim that was taken back is a zombie write', () => {
  const execution = [...ran('a', 1, 20, 900), ...ran('b', 2, 400, 410)]
  const control: ControlLine[] = [{ kind: 'fault', fault: 'freeze', by: 'a', at: 25 }]

  assert.ok(found(forged({ execution, control }), [succeeded('a', 1)]).includes('zombieWrite'))
})

test('a claim that was granted and never started still makes the older one a zombie', () => {
  const granted: ExecutionLine = { kind: 'granted', id, token: 2, by: 'b', at: 25 }
  const ledger = forged({ execution: [...ran('a', 1, 20, 30), granted] })

  assert.deepEqual(found(ledger, [succeeded('a', 1)]), ['zombieWrite', 'robbed'])
})

test('the result of a worker that was out of reach past its lease is a zombie write', () => {
  const execution = [...ran('a', 1, 20, 900), ...ran('b', 2, 400, 410), settled('b', 420)]
  const control: ControlLine[] = [
    { kind: 'fault', fault: 'black hole', by: 'a', at: 25 },
    { kind: 'healed', fault: 'black hole', by: 'a', at: 800 },
  ]

  assert.deepEqual(found(forged({ execution, control }), [succeeded('a', 1)]), ['overlap', 'zombieWrite'])
  assert.deepEqual(found(forged({ execution, control }), [succeeded('b', 2)]), ['overlap'])
})

test('a job that a living worker lost while only the store was away is robbed, before it has run elsewhere', () => {
  const granted: ExecutionLine = { kind: 'granted', id, token: 2, by: 'b', at: 400 }
  const control: ControlLine[] = [{ kind: 'outage', fault: 'black hole of all', at: 25 }]
  const ledger = forged({ execution: [...ran('a', 1, 20, 500), granted], control })

  assert.deepEqual(found(ledger, [{ id, state: 'failed' }]), ['robbed'])
})

test('a store that was away excuses no second run', () => {
  const control: ControlLine[] = [{ kind: 'outage', fault: 'server killed', at: 25 }]
  const after = forged({ execution: [...ran('a', 1, 20, 30), ...ran('b', 2, 400, 410)], control })
  const beside = forged({ execution: [...ran('a', 1, 20, 900), ...ran('b', 2, 400, 410)], control })

  assert.deepEqual(found(after, [succeeded('b', 2)]), ['duplicated'])
  assert.deepEqual(found(beside, [succeeded('b', 2)]), ['duplicated', 'overlap', 'robbed'])
})

test('a job that its worker gave back, threw in or died with was not robbed', () => {
  const again = ran('b', 2, 400, 410)
  const givenBack: ExecutionLine[] = [
    { kind: 'granted', id, token: 1, by: 'a', at: 20 },
    { kind: 'released', id, by: 'a', at: 25 },
  ]
  const threw: ExecutionLine[] = [...ran('a', 1, 20), { kind: 'threw', id, token: 1, by: 'a', at: 30 }]

  for (const before of [givenBack, threw]) {
    assert.deepEqual(found(forged({ execution: [...before, ...again] }), [succeeded('b', 2)]), [])
  }
  const died = forged({ execution: [...ran('a', 1, 20), ...again], control: [exit('a', 30)] })
  assert.deepEqual(found(died, [succeeded('b', 2)]), [])
})

test('a start after the store said that the job is final is a resurrection', () => {
  const execution = [...ran('a', 1, 20, 30), settled('a', 35), ...ran('b', 2, 60, 70)]
  const ledger = forged({ execution, control: [exit('a', 50)] })

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), ['resurrected'])
})

test('a start after the store said that the job is cancelled is disobedience', () => {
  const control: ControlLine[] = [{ kind: 'cancelled', id, at: 15 }]

  assert.deepEqual(found(forged({ execution: ran('a', 1, 20, 30), control }), [succeeded('a', 1)]), ['disobeyed'])
  assert.deepEqual(found(forged({ control }), [{ id, state: 'cancelled' }]), [])
})

test('a job that ran again beyond the bound is late', () => {
  const ledger = forged({ execution: [...ran('a', 1, 20), ...ran('b', 2, 11_000, 11_010)], control: [exit('a', 30)] })

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), ['late'])
})

test('where the next process dies too before it starts the job, each death has a recovery of its own', () => {
  const granted: ExecutionLine = { kind: 'granted', id, token: 2, by: 'b', at: 9000 }
  const execution = [...ran('a', 1, 20), granted, ...ran('c', 3, 18_000, 18_010)]
  const ledger = forged({ execution, control: [exit('a', 30), exit('b', 9010)] })

  assert.deepEqual(found(ledger, [succeeded('c', 3)]), [])
  assert.deepEqual(judge(ledger, [succeeded('c', 3)], bounds).recovery, { times: 2, p99Ms: 8990, maxMs: 8990 })
})

test('the wait of a job that its process had handed back before it died is nobody’s lateness', () => {
  const granted: ExecutionLine = { kind: 'granted', id, token: 1, by: 'a', at: 20 }
  const released: ExecutionLine = { kind: 'released', id, by: 'a', at: 25 }
  const ledger = forged({ execution: [granted, released, ...ran('b', 2, 11_000, 11_010)], control: [exit('a', 30)] })

  assert.deepEqual(found(ledger, [succeeded('b', 2)]), [])
})

test('a job that was never acknowledged and is there is recovered, which is allowed', () => {
  const execution = [...ran('a', 1, 20, 30)]
  const tried = forged({ intent: [{ kind: 'try', id, at: 0 }], execution })
  const unknown = forged({
    intent: [
      { kind: 'try', id, at: 0 },
      { kind: 'unknown', id, at: 5 },
    ],
    execution,
  })

  for (const ledger of [tried, unknown]) {
    assert.deepEqual(found(ledger, [succeeded('a', 1)]), [])
    assert.deepEqual(judge(ledger, [succeeded('a', 1)], bounds).recovered, [id])
  }
})

test('a job that was never acknowledged and is not there is nothing', () => {
  assert.deepEqual(found(forged({ intent: [{ kind: 'try', id, at: 0 }] }), []), [])
})

test('a job that nobody tried, or whose producer was told that it was refused, is unexpected', () => {
  const refused: IntentLine[] = [
    { kind: 'try', id, at: 0 },
    { kind: 'refused', id, at: 5, code: 'STORE_FULL' },
  ]
  const execution = ran('a', 1, 20, 30)

  assert.deepEqual(found(forged({ intent: [], execution }), [succeeded('a', 1)]), ['unexpected'])
  assert.deepEqual(found(forged({ intent: refused, execution }), [succeeded('a', 1)]), ['unexpected'])
})

test('a job that was refused at first and acknowledged later is not unexpected', () => {
  const intent: IntentLine[] = [{ kind: 'refused', id, at: 0, code: 'STORE_FULL' }, ...asked]

  assert.deepEqual(found(forged({ intent, execution: ran('a', 1, 20, 30) }), [succeeded('a', 1)]), [])
})

test('a job that failed for lost workers before three were lost is blamed', () => {
  const lost: JobInTheEnd = { id, state: 'failed', errorCode: 'WORKER_LOST' }
  const execution = [...ran('a', 1, 20), ...ran('b', 2, 40), ...ran('c', 3, 60)]
  const control = [exit('a', 30), exit('b', 50), exit('c', 70)]

  assert.deepEqual(found(forged({ execution, control }), [lost]), [])
  assert.deepEqual(found(forged({ execution, control: control.slice(0, 2) }), [lost]), ['blamed'])
})

test('what a writer has written is read back, without the line that its death tore', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-ledger-'))
  t.after(() => rmSync(folder, { recursive: true }))

  new LedgerWriter(folder, 'a').write('intent', { kind: 'try', id: 'one' })
  new LedgerWriter(folder, 'b').write('intent', { kind: 'ack', id: 'one' })
  new LedgerWriter(folder, 'b').write('execution', { kind: 'start', id: 'one', token: 1, by: 'b' })
  appendFileSync(join(folder, 'b.intent'), '{"kind":"ack","id":"tw')
  const { intent, execution, control } = readLedger(folder)

  assert.deepEqual(
    intent.map(({ kind }) => kind),
    ['try', 'ack'],
  )
  assert.deepEqual([execution.length, control.length], [1, 0])
})
