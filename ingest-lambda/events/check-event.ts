// Which events are taken: JSON objects with a type. Everything else in them is free, as far as it does not nest too deep;
// where the function is set to the sample schema, its fields must be right, and further ones are still free.
import { sampleEventSchema } from '@millrace/shared/events'
import type { EventsConfig } from './config.ts'
import type { PostedEvent } from './split-events.ts'

/** An event that may go into the stream. */
export interface CheckedEvent {
  readonly id: string
  readonly type: string
  /** As it was posted. */
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type EventCheck =
  | { readonly status: 'valid'; readonly event: CheckedEvent }
  | {
      readonly status: 'invalid'
      readonly eventId: string | undefined
      readonly code: 'invalid-json' | 'too-deep' | 'invalid-event'
      readonly reason: string
    }

export interface EventRules {
  readonly eventSchema: EventsConfig['eventSchema']
  readonly maxDepth: number
  /** Makes the id of an event that has none. */
  newId(): string
}

export function checkEvent(posted: PostedEvent, { eventSchema, maxDepth, newId }: EventRules): EventCheck {
  if (posted.status === 'fault') return invalid('invalid-json', posted.reason)
  if (posted.depth > maxDepth) return invalid('too-deep', `an event must not nest deeper than ${maxDepth} levels`)

  const value: unknown = JSON.parse(posted.text)
  if (!isObject(value)) return invalid('invalid-event', 'an event is a JSON object')
  const { eventId, type } = value
  if (eventId !== undefined && !isName(eventId)) {
    return invalid('invalid-event', `eventId: expected text of 1 to ${maxNameLength} characters, or none`)
  }
  if (!isName(type)) return invalid('invalid-event', `type: expected text of 1 to ${maxNameLength} characters`, eventId)

  const id = eventId ?? newId()
  const fault = eventSchema === 'sample' ? sampleFault({ ...value, eventId: id }) : undefined
  if (fault !== undefined) return invalid('invalid-event', fault, id)
  return { status: 'valid', event: { id, type, text: posted.text, fields: value } }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// Ids and types end up in envelopes, answers and logs.
const maxNameLength = 256

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxNameLength
}

function sampleFault(fields: Record<string, unknown>): string | undefined {
  const issues = sampleEventSchema.safeParse(fields).error?.issues
  return issues?.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
}

function invalid(code: 'invalid-json' | 'too-deep' | 'invalid-event', reason: string, eventId?: string): EventCheck {
  return { status: 'invalid', eventId, code, reason }
}
