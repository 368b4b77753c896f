/** Work that recurs: by crontab, by interval and once, fired inside this very process. */
import { Errand } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })

let checks = 0
const check = errand.task('status.check', async () => ({ healthy: true, checks: ++checks }))
const cleanUp = errand.task('sessions.clean-up', ({ olderThanDays }: { olderThanDays: number }) => olderThanDays)
const report = errand.task('report.weekly', (list: string, job) => `${list} by ${String(job.metadata['schedule'])}`)

errand.schedule('clean-up-every-day', { cron: '0 2 * * *', zone: 'Europe/Paris' }, cleanUp.with({ olderThanDays: 30 }))
errand.schedule('weekly-report', { cron: '0 9 * * MON', jitter: '5m' }, report.with('all'))
errand.schedule('check-every-5-minutes', { every: '5m', overlap: 'skip' }, check)

// The worker would tick by itself. This way any process does, a web server for instance, for as long as it likes.
const beat = await errand.beat().start()
await errand.worker({ beat: false }).start()

// Made while it runs: every 20 ms, until it has been seen three times.
await errand.schedules.put('check-often', { every: 20 }, check)
const seen = new Promise<void>((resolve) => check.on('succeeded', (result) => void (result.checks === 3 && resolve())))
await seen
await errand.schedules.pause('check-often')
console.log('three checks')

const [first, second] = await errand.schedules.next('weekly-report', 2)
console.log(first!.getUTCDay(), first!.getUTCHours(), (second!.getTime() - first!.getTime()) / 86_400_000)

const job = await errand.schedules.run('weekly-report')
console.log(await job.result({ timeout: '10s' }))

for (const { name, work, paused } of await errand.schedules.list()) console.log(name, work, paused)

await beat.stop()
await errand.close()

// prints:
// three checks
// 1 9 7
// all by weekly-report
// check-every-5-minutes status.check false
// check-often status.check true
// clean-up-every-day sessions.clean-up false
// weekly-report report.weekly false
