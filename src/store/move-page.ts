/** A page of leaving jobs, filled until its room is used up. The first one always fits. */
import type { MoveRoom, MovingJob } from './moving.ts'

export class MovePage {
  readonly jobs: MovingJob[] = []
  readonly #room: MoveRoom
  #bytes = 0

  constructor(room: MoveRoom) {
    this.#room = room
  }

  get full(): boolean {
    return this.jobs.length > 0 && (this.jobs.length >= this.#room.jobs || this.#bytes >= this.#room.bytes)
  }

  add(job: MovingJob): void {
    this.jobs.push(job)
    this.#bytes += JSON.stringify(job).length
  }
}
