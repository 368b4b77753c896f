import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import { aStartedService, type StartedService } from './a-started-service.ts'
import { password } from './requests.ts'

const places = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]
const executablePath = places.find((path) => path && existsSync(path))
const skip = executablePath ? false : 'no Chromium here: install one, or set CHROMIUM_PATH'
if (skip) console.error(`Pages are not tested: ${skip}.`)

/** One service and one browser for all: both take long to start, and each test has an account of its own. */
let service: StartedService
let browser: Browser
let folder: string
const ends: (() => Promise<void>)[] = []

before(async () => {
  if (skip) return
  folder = mkdtempSync(join(tmpdir(), 'errand-pages-'))
  service = await aStartedService({ after: (end) => void ends.push(end) }, folder)
  browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] })
})
after(async () => {
  await browser?.close()
  for (const end of ends) await end()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

async function opened(t: TestContext) {
  const page = await browser.newPage()
  t.after(() => page.close())
  const trouble: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(message.text())
  })
  page.on('pageerror', (error) => trouble.push(error.message))

  return { page, trouble }
}

const isWiderThanWindow = (page: Page) => page.evaluate('document.documentElement.scrollWidth > window.innerWidth')

test(
  'the docs page signs in with its Authorize button, and then its requests are allowed',
  { skip, timeout: 60_000 },
  async (t) => {
    const { page, trouble } = await opened(t)
    page.setDefaultTimeout(10_000)
    await service.signIn('ann@example.com')

    await page.goto(`${service.url}/docs`)
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    await page.locator('#oauth_username').fill('ann@example.com')
    await page.locator('#oauth_password').fill(password)
    for (const noise of ['#client_id_password', '#client_secret_password', '#password_type'])
      assert.deepEqual([await page.locator(noise).count(), await page.locator(noise).isVisible()], [1, false], noise)
    await page.locator('.auth-btn-wrapper .authorize').click()
    await page.getByRole('button', { name: 'Remove authorization' }).waitFor()
    await page.getByRole('button', { name: 'Close', exact: true }).click()
    await page.locator('[id$="readOwnAccount"] .opblock-summary-control').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    const answered = page.waitForResponse((response) => response.url().endsWith('/users/me'))
    await page.getByRole('button', { name: 'Execute' }).click()

    assert.equal((await answered).status(), 200)
    assert.deepEqual(trouble, [])
  },
)

test('the mailbox is readable on a phone and a desktop, by day and by night', { skip, timeout: 60_000 }, async (t) => {
  const { page, trouble } = await opened(t)
  const token = await service.signIn('bea@example.com')
  const json = {
    to_email: 'bob@example.com',
    subject: 'A very long subject without any end, '.repeat(8),
    body: `${'x'.repeat(300)}\nsecond line`,
  }
  const { task_id } = (await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as {
    task_id: string
  }
  await (await service.request('GET', `/tasks/${task_id}/events`, { token })).text()

  const grounds = new Set<string>()
  for (const width of [360, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      await page.goto(`${service.url}/mailbox`)
      await page.getByText('Text').first().click()
      await page.getByText('second line').waitFor()
      grounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
      assert.equal(await isWiderThanWindow(page), false, `${width} ${colorScheme}`)
      if (process.env['SCREENSHOTS'])
        await page.screenshot({ path: `${process.env['SCREENSHOTS']}/mailbox-${width}-${colorScheme}.png` })
    }
  }

  assert.equal(grounds.size, 2)
  assert.deepEqual(trouble, [])
})

test('a new password is chosen on the page behind the link', { skip, timeout: 60_000 }, async (t) => {
  const { page } = await opened(t)
  await service.signIn('cleo@example.com')
  await service.request('POST', '/password/forgot', { json: { email: 'cleo@example.com' } })
  let link: string | undefined
  while (!link) {
    const messages = (await (await service.request('GET', '/mailbox/messages')).json()) as { text: string }[]
    link = messages.map(({ text }) => /http:\S+\/password\/reset\?token=\S+/.exec(text)?.[0]).find(Boolean)
  }

  await page.goto(link)
  await page.getByLabel('New password').fill('another fine password')
  const answered = page.waitForResponse((response) => response.request().method() === 'POST')
  await page.getByRole('button', { name: 'Set the password' }).click()

  assert.equal((await answered).status(), 200)
  const answer = await service.request('POST', '/token', {
    json: { username: 'cleo@example.com', password: 'another fine password' },
  })
  assert.equal(answer.status, 200)
})
