import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAddress } from '../email/address.ts'
import { excerptOf } from '../email/message.ts'
import { smtpError, smtpSender } from '../email/smtp.ts'
import { notification, notificationInput, welcome, welcomeInput } from '../email/templates.ts'
import { aService, eventually, finished } from './a-service.ts'
import { anSmtpServer } from './an-smtp-server.ts'

const from = 'noreply@example.com'
const message = {
  to: 'bob@example.com',
  subject: 'Grüße',
  body: 'Erste Zeile\n.\nLetzte Zeile',
  messageId: '<1@example.com>',
}
const timeouts = { connectMs: 500, greetingMs: 500, silenceMs: 500 }

test('a message arrives as it was written, dots and umlauts included', async (t) => {
  const server = await anSmtpServer(t)

  await smtpSender(server.settings, from)(message)

  const [received] = server.received
  assert.deepEqual([received!.mailFrom, received!.rcptTo], [from, ['bob@example.com']])
  assert.match(received!.raw, /^Message-ID: <1@example\.com>\r$/m)
  assert.match(received!.raw, /^To: bob@example\.com\r$/m)
  assert.equal(received!.email.subject, 'Grüße')
  assert.equal(received!.email.text?.trim(), message.body)
})

for (const [step, code, retryable] of [
  ['MAIL', 451, true],
  ['MAIL', 550, false],
  ['RCPT', 450, true],
  ['RCPT', 550, false],
  ['DATA', 452, true],
  ['DATA', 554, false],
] as const) {
  test(`an answer of ${code} to ${step} is ${retryable ? 'tried again' : 'final'}`, async (t) => {
    const server = await anSmtpServer(t, { refuse: { step, code } })

    await assert.rejects(smtpSender(server.settings, from)(message), {
      name: 'SmtpError',
      retryable,
      responseCode: code,
    })
  })
}

test('a server that is away, silent or breaks off is tried again', async (t) => {
  const silent = await anSmtpServer(t, { silent: true })
  const breaking = await anSmtpServer(t, { breakOff: true })

  for (const settings of [silent.settings, breaking.settings, { ...silent.settings, port: 1 }]) {
    await assert.rejects(smtpSender(settings, from, timeouts)(message), { name: 'SmtpError', retryable: true })
  }
})

test('a server elsewhere that offers no encryption gets no message', async (t) => {
  const server = await anSmtpServer(t)
  // Another name for this machine that does not read like a loopback address.
  const elsewhere = { ...server.settings, host: '0.0.0.0' }

  await assert.rejects(smtpSender(elsewhere, from)(message), { name: 'SmtpError' })

  assert.equal(server.received.length, 0)
})

test('an error without an answer from the server may be over the next time', () => {
  assert.equal(smtpError(Object.assign(new Error('x'), { code: 'ETIMEDOUT' })).retryable, true)
  assert.ok(!smtpError(new Error('to bob@example.com')).message.includes('bob'))
})

test('an e-mail that is refused for now is sent again under the same Message-ID, and for good only once', async (t) => {
  const server = await anSmtpServer(t, { refuse: { step: 'DATA', code: 451, times: 1 } })
  const ids: string[] = []
  const send = smtpSender(server.settings, from)
  const service = await aService(t, {
    send: (each) => {
      if (each.to === 'bob@example.com') ids.push(each.messageId)
      return each.to === 'bob@example.com' ? send(each) : Promise.resolve()
    },
  })
  const token = await service.signIn()
  const json = { to_email: 'bob@example.com', subject: 'x', body: 'y' }
  const { task_id } = (await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as {
    task_id: string
  }
  await eventually(async () =>
    ids.length === 1 && (await service.errand.job(task_id).state()) === 'scheduled' ? true : undefined,
  )
  const waiting = (await (await service.request('GET', `/tasks/${task_id}`, { token })).json()) as Record<string, any>
  await service.errand.job(task_id).promote()
  const done = await finished(service, token, task_id)

  assert.deepEqual(
    [waiting['status'], waiting['error']],
    ['pending', 'The mail server refused the message for now (451).'],
  )
  assert.equal(done['status'], 'completed')
  assert.deepEqual(ids, [`<${task_id}@example.com>`, `<${task_id}@example.com>`])
  assert.equal(server.received.length, 1)
})

test('an e-mail that is refused for good fails at once, and says so', async (t) => {
  const server = await anSmtpServer(t, { refuse: { step: 'RCPT', code: 550 } })
  const service = await aService(t, { send: smtpSender(server.settings, from) })
  const token = await service.signIn()
  const json = { to_email: 'bob@example.com', subject: 'x', body: 'y' }
  const { task_id } = (await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as {
    task_id: string
  }

  const done = await finished(service, token, task_id)

  assert.deepEqual([done['status'], done['error']], ['failed', 'The mail server refused the message for good (550).'])
  assert.equal((await service.errand.job(task_id).attempts()).length, 1)
})

test('a message that was sent before its worker died is not sent again', async (t) => {
  const sent: string[] = []
  const service = await aService(t, { worker: false, send: async ({ to }) => void sent.push(to) })
  const token = await service.signIn()
  const json = { to_email: 'bob@example.com', subject: 'x', body: 'y' }
  const { task_id } = (await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as {
    task_id: string
  }
  const row = {
    id: task_id,
    user_id: 1,
    recipient: 'bob@example.com',
    subject: 'x',
    excerpt: 'y',
    priority: 'normal',
    message_id: '<x>',
    sent_at: 1,
  }
  await service.database.insertInto('sent_emails').values(row).execute()

  await service.startWorker()
  const done = await finished(service, token, task_id)

  assert.equal(done['status'], 'completed')
  assert.ok(!sent.includes('bob@example.com'))
})

test('an urgent e-mail overtakes those that wait', async (t) => {
  const order: string[] = []
  const service = await aService(t, { worker: false, send: async ({ subject }) => void order.push(subject) })
  const token = await service.signIn()
  const ids: string[] = []
  for (const priority of ['low', 'normal', 'high', 'urgent']) {
    const json = { to_email: 'bob@example.com', subject: priority, body: 'y', priority }
    ids.push(
      ((await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as { task_id: string })
        .task_id,
    )
  }

  await service.startWorker()
  for (const id of ids) await finished(service, token, id)

  assert.deepEqual(
    order.filter((subject) => !subject.startsWith('Welcome')),
    ['urgent', 'high', 'normal', 'low'],
  )
})

test('no field of a message can add a header or a recipient', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const payloads = [
    '\r\nBcc: eve@example.com',
    '\nBcc: eve@example.com',
    '\r\n\r\n<html>',
    '\0',
    '\u2028X: y',
    '\u0085X: y',
    '\x0bX',
    '\t',
  ]
  const addresses = [
    'a@example.com, eve@example.com',
    'a@example.com;eve@example.com',
    '<a@example.com>',
    'Ann <a@example.com>',
    'a@example.com eve@example.com',
    '"a b"@example.com',
    'a@[127.0.0.1]',
    'a(comment)@example.com',
    'a@b@example.com',
    '@example.com',
    'a@',
    'a@localhost',
    'a@example..com',
    'a@-example.com',
    'a@example.com.',
    '.a@example.com',
    'a..b@example.com',
    'a.@example.com',
    'a@exa_mple.com',
    'ä@example.com',
    'a@exämple.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'b.'.repeat(130)}com`,
    'group: a@example.com;',
    'a@example.com>\r\nRCPT TO:<eve@example.com',
  ]
  const status = async (json: object) => (await service.request('POST', '/tasks/email/send', { token, json })).status
  const good = { to_email: 'bob@example.com', subject: 'Hi', body: 'Text' }

  for (const payload of payloads) {
    assert.equal(await status({ ...good, subject: `Hi${payload}` }), 422, JSON.stringify(payload))
    for (const to_email of [`bob@example.com${payload}`, `${payload}bob@example.com`, `bob${payload}@example.com`]) {
      assert.equal(await status({ ...good, to_email }), 422, JSON.stringify(to_email))
    }
  }
  for (const to_email of addresses) assert.equal(await status({ ...good, to_email }), 422, to_email)
  assert.equal(await status({ ...good, body: 'a\0b' }), 422)
  assert.equal(await status({ ...good, body: 'lines\r\nBcc: are text here\r\n.\r\n' }), 201)
})

test('ordinary addresses are taken, and a long one costs no more than its share', () => {
  for (const address of ["o'brien+tag@mail.example.co.uk", 'a@b.io', 'x_y-z@xn--exmple-cua.com', '1@2.ab'])
    assert.ok(isAddress(address), address)
  const startedAt = performance.now()
  for (const text of [
    `${'a.'.repeat(5_000)}@x.com`,
    `a@${'a-'.repeat(5_000)}`,
    '@'.repeat(10_000),
    `${'!'.repeat(64)}@${'a'.repeat(189)}`,
  ])
    isAddress(text)

  assert.ok(performance.now() - startedAt < 20)
})

test('the sent log has 100 characters of each text, newest first, for the sender alone', async (t) => {
  const service = await aService(t)
  const ann = await service.signIn('ann@example.com')
  const eve = await service.signIn('eve@example.com')
  for (const subject of ['first', 'second']) {
    const json = { to_email: 'Bob@example.com', subject, body: 'x'.repeat(150) }
    const { task_id } = (await (await service.request('POST', '/tasks/email/send', { token: ann, json })).json()) as {
      task_id: string
    }
    await finished(service, ann, task_id)
  }

  const log = (await (
    await service.request('GET', '/emails/sent?to=bob@example.com', { token: ann })
  ).json()) as Record<string, any>[]

  assert.deepEqual(
    log.map(({ subject }) => subject),
    ['second', 'first'],
  )
  assert.equal(log[0]!['body'], `${'x'.repeat(100)}...`)
  assert.deepEqual(await (await service.request('GET', '/emails/sent', { token: eve })).json(), [])
})

test('an excerpt never cuts a character in half', () => {
  assert.equal(excerptOf('😀'.repeat(101)), `${'😀'.repeat(100)}...`)
  assert.equal(excerptOf('x'.repeat(100)), 'x'.repeat(100))
})

test('templates put in exactly their fields, as text', () => {
  const name = '{{constructor}} ${process} <b>%s</b>'

  assert.equal(welcome({ to: 'a@example.com', name }).subject, `Welcome to our platform, ${name}!`)
  assert.throws(() => welcomeInput.parse({ to: 'a@example.com', name: 'x', admin: true }))
  assert.throws(() => welcomeInput.parse({ to: 'a@example.com', name: 'x\r\nBcc: y' }))
})

test('each kind of notification has its subject and its own fields', () => {
  const made = (type: string, data: object) =>
    notification(notificationInput.parse({ to: 'a@example.com', type, data }))

  assert.equal(made('account_update', { changes: 'name' }).subject, 'Your Account Has Been Updated')
  assert.match(made('new_feature', {}).body, /Unknown feature/)
  assert.match(made('security_alert', {}).body, /Please check your account/)
  assert.equal(made('newsletter', { message: 'x' }).subject, 'Weekly Newsletter')
  assert.equal(made('other', { message: 'x' }).subject, 'Notification')
  assert.throws(() => made('new_feature', { message: 'x' }))
})
