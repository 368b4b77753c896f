/** File systems of one's own: a disk that can lose its power, and one that is soon full. Both need root. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { undoLater } from './undo.ts'

export interface Mount {
  readonly folder: string
  unmount(): void
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}

/** Why this machine cannot mount, or undefined if it can. */
export function whyNoMounts(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root, to mount a file system of its own'
  try {
    mountMemory(1).unmount()
    return undefined
  } catch (error) {
    return `this kernel does not let it mount (${(error as Error).message})`
  }
}

/** A file system in memory, of so many MB. */
export function mountMemory(megabytes: number): Mount {
  const folder = mkdtempSync(join(tmpdir(), 'errand-full-'))
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }

  return { folder, unmount: undoLater(() => unmounted(folder, folder)) }
}

/** An ext4 in a file. Cutting its power drops all that was not synced, as a real one does, and takes the disk away. */
export class Disk {
  readonly #home = mkdtempSync(join(tmpdir(), 'errand-power-'))
  readonly #image = join(this.#home, 'image')
  readonly folder = join(this.#home, 'disk')

  readonly remove = undoLater(() => unmounted(this.folder, this.#home))

  constructor() {
    mkdirSync(this.folder)
    try {
      run('truncate', '-s', '512M', this.#image)
      run('mkfs.ext4', '-q', '-F', this.#image)
      this.#mount()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  #mount(): void {
    run('mount', '-o', 'loop', this.#image, this.folder)
  }

  cutPower(): void {
    // EXT4_IOC_SHUTDOWN with "do not flush the log"; Node has no ioctl, and every Debian has perl.
    const ask =
      'open(my $disk, "<", $ARGV[0]) or die $!; my $how = pack("L", 2); ioctl($disk, 0x8004587d, $how) or die $!'
    run('perl', '-e', ask, this.folder)
  }

  /** Power is back: the file system recovers from its journal. Nobody may have it open. */
  restorePower(): void {
    run('umount', this.folder)
    this.#mount()
  }
}

function unmounted(folder: string, home: string): void {
  const unmount = (...how: string[]) => spawnSync('umount', [...how, folder]).status === 0

  // Where somebody still has it open, it goes when they do; where it was never mounted, both fail.
  if (!unmount()) unmount('--lazy')
  rmSync(home, { recursive: true, force: true })
}
