/** Compiles `src` into `dist`, and puts the files that are not TypeScript (SQL, scripts) beside what reads them. */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })

const compiler = join(root, 'node_modules', '.bin', 'tsc')
const { status } = spawnSync(compiler, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(1)

for (const file of globSync('**/*.*', { cwd: join(root, 'src'), exclude: ['**/*.ts'] })) {
  cpSync(join(root, 'src', file), join(dist, file))
}
