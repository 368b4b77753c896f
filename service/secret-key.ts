/** The key that signs tokens: refused when anyone could know or guess it, made on first start when none is given. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Parts of the values that stand in tutorials, templates and examples; letters and digits only, lower case. */
const samples = [
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  'yoursecret',
  'your256bit',
  'yourkey',
  'yoursupersecret',
  'yourjwt',
  'yourverysecret',
  'yourrandom',
  'yourproduction',
  'mysecret',
  'mysupersecret',
  'myjwt',
  'supersecret',
  'verysecret',
  'topsecret',
  'secretkey',
  'secrethere',
  'jwtsecret',
  'secretjwt',
  'astringsecret',
  'somesecret',
  'thesecret',
  'thisisasecret',
  'thisisnotasecret',
  'notasecret',
  'changeme',
  'changethis',
  'changeit',
  'changeinproduction',
  'replaceme',
  'replacethis',
  'replacewith',
  'insertyour',
  'putyour',
  'placeholder',
  'example',
  'sample',
  'insecure',
  'donotuse',
  'dontuse',
  'notforproduction',
  'developmentonly',
  'devsecret',
  'devkey',
  'testsecret',
  'defaultsecret',
  'default',
  'keyboardcat',
  'shhhh',
  'password',
  'passw0rd',
  'letmein',
  'qwerty',
  'hunter2',
  'correcthorse',
  'foobar',
  'lorem',
  '12345678',
  '87654321',
  'abcdefgh',
  '0123456789',
  'deadbeef',
  'cafebabe',
]

/** What is wrong with a key, or nothing. The key itself is never repeated. */
export function secretKeyFault(key: string): string | undefined {
  const plain = key.toLowerCase().replace(/[^a-z0-9]/g, '')
  if (samples.some((sample) => plain.includes(sample)) || new Set(key).size < 10) {
    return `is a sample or easily guessed value. ${remedy}`
  }
  const bits = /^[0-9a-f]+$/i.test(key) ? key.length * 4 : Buffer.byteLength(key) * 8

  return bits < 256 ? `has ${bits} bits; at least 256 are needed. ${remedy}` : undefined
}

const remedy = 'Leave it out to have one generated, or make one with: openssl rand -hex 32'

/** The key kept in the data folder, made there the first time. Only the owner may read the file. */
export function keptSecretKey(dataDir: string): string {
  const path = join(dataDir, 'secret.key')
  try {
    return keyIn(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  makeKey(path)

  return keyIn(path)
}

/** Written aside and linked, so that nobody ever reads half a key and two processes starting at once agree on one. */
function makeKey(path: string): void {
  const aside = `${path}.${process.pid}`
  const file = openSync(aside, 'wx', 0o600)
  writeSync(file, `${randomBytes(32).toString('hex')}\n`)
  fsyncSync(file)
  closeSync(file)
  try {
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside)
  }
}

function keyIn(path: string): string {
  const key = readFileSync(path, 'utf8').trim()
  const fault = secretKeyFault(key)
  if (fault) throw new Error(`The key in ${path} ${fault}`)

  return key
}
