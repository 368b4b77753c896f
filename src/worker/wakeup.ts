/** Lets a loop sleep until someone has news for it. */
export class Wakeup {
  woken!: Promise<void>
  wake!: () => void

  constructor() {
    this.reset()
  }

  /** Call before looking for work, so that news which arrives while looking still counts. */
  reset(): void {
    this.woken = new Promise((resolve) => (this.wake = resolve))
  }
}
