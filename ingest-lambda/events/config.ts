// What the events function is told by its environment, checked once, at cold start, with all faults in one error; and
// the limits that it keeps, which are the same everywhere.
import * as z from 'zod/mini'

const present = z.string().check(z.minLength(1))

const schema = z.object({
  /** The stream that events go into. */
  MILLRACE_STREAM: present,
  /** The field of an event that becomes its partition key, as a path like `user.id`. Without it, the event's id. */
  PARTITION_KEY_FIELD: z.optional(present),
  /** Which events are taken: `any` with a type, or only those of the `sample` schema, which may have further fields. */
  EVENT_SCHEMA: z._default(z.enum(['any', 'sample']), 'any'),
  /** `source` of the CloudEvents envelope: with the event's id, its identity. */
  EVENT_SOURCE: z._default(present, '/millrace/events'),
})

export interface EventsConfig {
  readonly streamName: string
  readonly partitionKeyField: readonly string[] | undefined
  readonly eventSchema: 'any' | 'sample'
  readonly source: string
}

/** Reads the configuration. Throws one error that names every variable at fault. */
export function readConfig(env: NodeJS.ProcessEnv): EventsConfig {
  const result = z.safeParse(schema, env)
  if (!result.success) throw new Error(`environment of the events function:\n${z.prettifyError(result.error)}`)
  const { MILLRACE_STREAM, PARTITION_KEY_FIELD, EVENT_SCHEMA, EVENT_SOURCE } = result.data
  return {
    streamName: MILLRACE_STREAM,
    partitionKeyField: PARTITION_KEY_FIELD?.split('.'),
    eventSchema: EVENT_SCHEMA,
    source: EVENT_SOURCE,
  }
}

export interface EventsLimits {
  /** Of a request's body. An invocation takes 6 MB ("Lambda quotas"), and the body travels in it with its quotes escaped. */
  readonly bodyBytes: number
  readonly eventsPerRequest: number
  /** Of a record, with its envelope and partition key: what a stream takes unless it was set to more. */
  readonly recordBytes: number
  /** How deep an event may nest. */
  readonly depth: number
}

export const eventsLimits: EventsLimits = {
  bodyBytes: 4 * 1024 * 1024,
  eventsPerRequest: 500,
  recordBytes: 1024 * 1024,
  depth: 32,
}
