/** File systems of one's own: a disk that can lose its power, and one that is soon full. Both need root. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pass } from './scene.ts'
import { undoLater } from './undo.ts'

export interface Mount {
  readonly folder: string
  unmount(): void
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)

  return stdout
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

/** Why no power can be cut here, or undefined if it can. */
export function whyNoPowerCuts(): string | undefined {
  const missing = [
    ['perl', '-MTime::HiRes', '-e', '1'],
    ['mkfs.ext4', '-V'],
  ].find(([program, ...args]) => spawnSync(program!, args).status !== 0)

  return whyNoMounts() ?? (missing && `it needs ${missing[0]}, with Time::HiRes where that is perl`)
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
    // Whoever a server runs as has to get to what is its own.
    chmodSync(this.#home, 0o755)
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

  /** What was made before the load is no part of what is tried. */
  sync(): void {
    run('sync', '-f', this.folder)
  }

  /** Gives the last moment at which there was still power: a sync that returns later returns to nobody. */
  cutPower(): number {
    // EXT4_IOC_SHUTDOWN with "do not flush the log"; Node has no ioctl.
    const ask = `use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
      open(my $disk, "<", $ARGV[0]) or die $!; my $how = pack("L", 2);
      my $last = clock_gettime(CLOCK_MONOTONIC); ioctl($disk, 0x8004587d, $how) or die $!; printf("%.6f", $last * 1000)`

    return Number(run('perl', '-e', ask, this.folder))
  }

  /** Power is back: the file system recovers from its journal. Nobody may have it open. */
  async restorePower(): Promise<void> {
    // Whoever looks at new disks, as udev does, may hold it a moment longer.
    for (let attempt = 1; spawnSync('umount', [this.folder]).status !== 0; attempt++) {
      if (attempt === 20) throw new Error(`${this.folder} is still in use, so its power cannot be restored.`)
      await pass(100)
    }
    this.#mount()
  }
}

function unmounted(folder: string, home: string): void {
  const unmount = (...how: string[]) => spawnSync('umount', [...how, folder]).status === 0

  // Where somebody still has it open, it goes when they do; where it was never mounted, both fail.
  if (!unmount()) unmount('--lazy')
  rmSync(home, { recursive: true, force: true })
}
