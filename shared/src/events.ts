// The sample event: what the sample producer writes and the deployed queries read. Streams carry any JSON object; this
// schema is an example of how a team writes down its own, and where the types of its queries come from.
import * as z from 'zod/mini'

export const sampleEventTypes = ['page_view', 'click', 'purchase', 'search'] as const

/** Further fields are allowed; what parsing returns has only the ones named here. */
export const sampleEventSchema = z.object({
  eventId: z.string().check(z.minLength(1)),
  type: z.enum(sampleEventTypes),
  userId: z.string().check(z.minLength(1)),
  page: z.string(),
  /** ISO 3166-1 alpha-2, like `DE`. */
  country: z.string(),
  /** What the event was worth, in the shop's currency; 0 where nothing was bought. */
  value: z.number(),
  /** How long the page took to answer. */
  latencyMs: z.optional(z.number()),
  /** Event time, epoch milliseconds. */
  ts: z.int(),
})

export type SampleEvent = z.infer<typeof sampleEventSchema>
