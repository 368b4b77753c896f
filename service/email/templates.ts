/**
 * The service's own messages. Each takes exactly the fields it names; values are put in as text and never read as a
 * template again.
 */
import { z } from 'zod'
import { addressField, type Message } from './message.ts'

/** Fields end up in subjects too, so none may break a line. */
const field = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((text) => !/\p{Cc}/u.test(text), 'line breaks and control characters are not allowed')

export const welcomeInput = z.strictObject({ to: addressField, name: field })
export const alreadyRegisteredInput = z.strictObject({ to: addressField, name: field })

export const notificationInput = z.discriminatedUnion('type', [
  z.strictObject({ to: addressField, type: z.literal('account_update'), data: z.strictObject({ changes: field }) }),
  z.strictObject({
    to: addressField,
    type: z.literal('new_feature'),
    data: z.strictObject({ feature_name: field.default('Unknown feature') }),
  }),
  z.strictObject({
    to: addressField,
    type: z.literal('security_alert'),
    data: z.strictObject({ message: field.default('Please check your account') }),
  }),
  z.strictObject({ to: addressField, type: z.literal('newsletter'), data: z.strictObject({ message: field }) }),
  z.strictObject({ to: addressField, type: z.literal('other'), data: z.strictObject({ message: field }) }),
])
export type Notification = z.output<typeof notificationInput>

export function welcome({ to, name }: z.output<typeof welcomeInput>): Message {
  return {
    to,
    subject: `Welcome to our platform, ${name}!`,
    body: [
      `Dear ${name},`,
      'your account is ready, and everything the service offers is open to you.',
      'If you did not register, somebody typed your address: use "forgot password" to take the account over.',
      'The team',
    ].join('\n\n'),
  }
}

/** Instead of a welcome, so that registering does not tell strangers who has an account. */
export function alreadyRegistered({ to, name }: z.output<typeof alreadyRegisteredInput>, baseUrl: string): Message {
  return {
    to,
    subject: 'You already have an account',
    body: [
      `Dear ${name},`,
      `somebody, perhaps you, tried to register at ${baseUrl} with this address. It has an account already, which is unchanged.`,
      'If you have forgotten the password, ask for a new one there. If it was not you, there is nothing to do.',
      'The team',
    ].join('\n\n'),
  }
}

export function passwordReset(to: string, token: string, baseUrl: string): Message {
  return {
    to,
    subject: 'Password Reset Request',
    body: [
      'Somebody, we hope you, has asked for a new password for your account. Choose it here:',
      `${baseUrl}/password/reset?token=${token}`,
      'The link works once, and expires in 1 hour.',
      'If it was not you, ignore this message: nothing has changed.',
    ].join('\n\n'),
  }
}

const subjects = {
  account_update: 'Your Account Has Been Updated',
  new_feature: 'New Feature Available',
  security_alert: 'Security Alert for Your Account',
  newsletter: 'Weekly Newsletter',
  other: 'Notification',
} as const satisfies Record<Notification['type'], string>

export function notification(input: Notification): Message {
  return { to: input.to, subject: subjects[input.type], body: `${notificationText(input)}\n\nThe team` }
}

function notificationText(input: Notification): string {
  if (input.type === 'account_update') return `Your account information has been updated: ${input.data.changes}`
  if (input.type === 'new_feature') return `There is a new feature: ${input.data.feature_name}`
  if (input.type === 'security_alert') return `Security alert: ${input.data.message}`

  return input.data.message
}
