import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { startSandbox } from '../../sandbox/index.ts'
import { startService } from '../service.ts'

const CHROMIUM = '/usr/bin/chromium'
const installed = await access(CHROMIUM).then(
  () => true,
  () => false,
)
const skip = installed ? false : `${CHROMIUM} is missing; on Debian: apt-get install chromium`
const ACTION = '#operations-flow_action-syncPersonToMicrosoft'

async function authorize(page: Page, key: string): Promise<void> {
  await page.locator('.auth-wrapper .authorize').first().click()
  const form = page.locator('.auth-container', { hasText: 'x-api-key' })
  await form.locator('input').fill(key)
  await form.locator('button.authorize').click()
  await page.locator('.modal-ux .close-modal').click()
}

test('a newcomer can try the flow action on the page at /docs', { skip }, async () => {
  await using sandbox = await startSandbox()
  await using service = await startService(sandbox.environment())
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    const strangers: string[] = []
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(service.url) && !url.startsWith('data:')) strangers.push(url)
    })

    await page.goto(`${service.url}/docs`)
    await authorize(page, service.key)
    await page.locator(`${ACTION} .opblock-summary`).click()
    await page.locator(`${ACTION} button.execute`).click()
    const reply = page.locator(`${ACTION} .live-responses-table .response`)
    await reply.waitFor()
    assert.equal(await reply.locator('.response-col_status').innerText(), '200')
    assert.match(await reply.innerText(), /"outcome": "created"/)
    assert.deepEqual(complaints, [])
    assert.deepEqual(strangers, [])
  } finally {
    await browser.close()
  }
  const [lead, ...others] = sandbox.dataverse.rows('lead')
  assert.equal(lead?.emailaddress1, 'ann@example.com')
  assert.deepEqual(others, [])
})
