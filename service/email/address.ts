/**
 * Which e-mail addresses are taken: one plain mailbox, `local@domain`, in ASCII.
 *
 * Narrower than what the mail standards allow: no quotes, comments, groups or lists. Whatever passes can stand in an
 * SMTP command and a header as it is. Each part is matched in one pass, so length costs no more than its share.
 */
const localPart = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/

export function isAddress(text: string): boolean {
  if (text.length > 254) return false
  const at = text.lastIndexOf('@')
  if (at < 1 || at > 64) return false

  return localPart.test(text.slice(0, at)) && isDomain(text.slice(at + 1))
}

function isDomain(text: string): boolean {
  const labels = text.split('.')
  if (labels.length < 2 || !/[A-Za-z]/.test(labels.at(-1)!)) return false

  return labels.every((each) => each.length <= 63 && label.test(each))
}

/** One account per mailbox: nobody tells `Ann@Example.com` and `ann@example.com` apart. */
export function normalAddress(text: string): string {
  return text.toLowerCase()
}
