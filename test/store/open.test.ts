import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { oldestNode, refusalOfNode } from '../../src/store/open.ts'

test('the oldest Node is the one that package.json asks for', () => {
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))

  assert.equal(engines.node, `>=${oldestNode}`)
})

test('an older Node is refused in one sentence that names both', () => {
  for (const version of ['20.19.5', '22.15.0', '24.14.9']) {
    const refusal = refusalOfNode(version) ?? ''

    assert.ok(refusal.startsWith(`Errand needs Node ${oldestNode} or newer, this is ${version} (`), refusal)
  }
})

test('this Node and newer ones are not', () => {
  assert.deepEqual(['24.15.0', '24.99.1', '25.0.0', '26.10.0', '100.0.0'].map(refusalOfNode), Array(5).fill(undefined))
})
