/** What a Redis server says is read whole, however it arrives. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Replies, ReplyError } from '../../src/store/redis/connection/replies.ts'

const read = (...chunks: string[]) => {
  const replies = new Replies()
  return chunks.flatMap((chunk) => replies.take(Buffer.from(chunk)))
}

describe('replies of Redis', () => {
  test('texts, numbers, nothing and lists of them are what they are', () => {
    const said =
      '+OK\r\n:42\r\n:-1\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*3\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n'

    assert.deepEqual(read(said), ['OK', 42, -1, 'hello', '', null, null, [], [1, ['a'], null]])
  })

  test('a refusal is an error with the words of the server', () => {
    const [refusal, next] = read('-NOSCRIPT No matching script.\r\n:1\r\n')

    assert.ok(refusal instanceof ReplyError)
    assert.deepEqual([refusal.name, refusal.message, next], ['ReplyError', 'NOSCRIPT No matching script.', 1])
  })

  test('a reply is the same wherever it is cut on its way', () => {
    const said = Buffer.from('*3\r\n$9\r\nGrüße\r\n\r\n:7\r\n*2\r\n+é\r\n$4\r\n\u{1F600}\r\n$5\r\nplain\r\n')
    const whole = [['Grüße\r\n', 7, ['é', '\u{1F600}']], 'plain']

    for (let first = 0; first <= said.length; first++) {
      for (let second = first; second <= said.length; second += 3) {
        const replies = new Replies()
        const parts = [said.subarray(0, first), said.subarray(first, second), said.subarray(second)]
        assert.deepEqual(
          parts.flatMap((part) => replies.take(part)),
          whole,
          `cut at ${first} and ${second}`,
        )
      }
    }
  })

  test('a plain reply after one that was not plain is read as it is', () => {
    assert.deepEqual(read('$2\r\né\r\n$2\r', '\nab\r\n', '$2\r\nö\r\n'), ['é', 'ab', 'ö'])
  })

  test('what no server says is an error', () => {
    assert.throws(() => read('HTTP/1.1 400 Bad Request\r\n'), /no reply: "HTTP/)
  })
})
