// CloudEvents 1.0 in structured mode: the envelope that every event of the stream travels in. Whoever reads the stream
// finds what happened in `data`, as it was posted, and who said so and when beside it.
// Source: CloudEvents 1.0.2, "Required Attributes", and its JSON Event Format.

export interface CloudEventAttributes {
  /** With `source`, the identity of the event: an event sent twice has the same. Not empty. */
  readonly id: string
  /** Who made it, a URI reference: `/ingest/orders`. Not empty. */
  readonly source: string
  /** What happened, like `purchase`. Not empty. */
  readonly type: string
  /** When the source took the event, epoch milliseconds. When it happened is for `data` to say. */
  readonly timeMs: number
}

export interface CloudEvent<Data> {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  /** ISO 8601 in UTC. */
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly data: Data
}

/** Wraps an event. Example: `cloudEvent({ id: 'e1', source: '/shop', type: 'click', timeMs: 0 }, { page: '/' }).data.page`. */
export function cloudEvent<Data>(attributes: CloudEventAttributes, data: Data): CloudEvent<Data> {
  return { ...envelope(attributes), data }
}

/**
 * The envelope as JSON text, around data that is JSON text already. The data is not parsed, so that numbers beyond 2^53
 * and repeated keys stay as they were written; only line breaks between its tokens become spaces, so that the whole is
 * one line.
 */
export function cloudEventText(attributes: CloudEventAttributes, dataText: string): string {
  const head = JSON.stringify(envelope(attributes))
  // A string in JSON holds no line break as it is, so none that is found here is part of a value.
  return `${head.slice(0, -1)},"data":${dataText.trim().replaceAll(/[\r\n]+/g, ' ')}}`
}

function envelope({ id, source, type, timeMs }: CloudEventAttributes): Omit<CloudEvent<never>, 'data'> {
  return {
    specversion: '1.0',
    id,
    source,
    type,
    time: new Date(timeMs).toISOString(),
    datacontenttype: 'application/json',
  }
}
