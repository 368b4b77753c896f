/** A workflow of any shape: inputs refer to results, time passes, and a person decides. */
import { defineSignal, Errand, workflow, type Ref, type Settled } from 'errand'
import { z } from 'zod'

const Decision = z.object({ by: z.string() })
type Decision = z.infer<typeof Decision>
const decided = defineSignal('decided', Decision)

const errand = new Errand({ store: 'sqlite:errand.db' })

const draft = errand.task('offer.draft', ({ customer }: { customer: string }) => ({
  text: `Dear ${customer}`,
  price: 40,
}))
const check = errand.task('offer.check', (price: number) => price < 100)
const send = errand.task('offer.send', (offer: { text: string; cheap: boolean; decision: Settled<Decision> }) =>
  offer.decision.state === 'succeeded' ? `${offer.text}, says ${offer.decision.result.by}` : 'nobody decided',
)

const offer = workflow('offer', (w, input: Ref<{ customer: string }>) => {
  const text = w.step(draft, { customer: input.customer })
  const cheap = w.step(check, text.result.price)
  const decision = w.waitFor(decided, { after: [cheap], timeout: '2d' })
  const rest = w.sleep('50ms', { after: [decision], when: 'settled' })

  return w.step(send, { text: text.result.text, cheap: cheap.result, decision: decision.end }, { after: [rest] })
})

await errand.worker().start()
const running = await errand.enqueue(offer.with({ customer: 'Ada' }))

await errand.workflow(running.id).signal(decided, { by: 'Grace' })
console.log(await running.result({ timeout: '10s' }))

for (const { task, state, after } of (await running.graph()).steps) console.log(task, state, after.length)
await errand.close()

// prints:
// Dear Ada, says Grace
// offer.draft succeeded 0
// offer.check succeeded 1
// errand.signal succeeded 1
// errand.sleep succeeded 2
// errand.collect succeeded 1
// offer.send succeeded 4
