/** An API process declares tasks; only workers load what handling them takes. */
import { Errand } from 'errand'
import { z } from 'zod'

const errand = new Errand({ store: 'sqlite:errand.db', routes: { 'image.*': 'images' } })

// tasks.ts, loaded by both
const resize = errand.declare('image.resize', {
  input: z.object({ file: z.string(), width: z.number().default(800) }),
  output: z.object({ file: z.string(), width: z.number() }),
})

// api.ts
const job = await resize.enqueue({ file: 'cat.jpg' })

// worker.ts
errand.handle(resize, async ({ file, width }) => ({ file: file.replace('.jpg', `-${width}.jpg`), width }))
await errand.worker({ queues: { images: 2 } }).start()

console.log(await job.result({ timeout: '10s' }))
await errand.close()

// prints:
// { file: 'cat-800.jpg', width: 800 }
