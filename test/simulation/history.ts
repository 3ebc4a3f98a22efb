// What happens in a simulation, as data: fast-check makes it and shrinks it, people read it, one line per event.

export interface PlannedRecord {
  readonly key: string
  readonly value: number
  /** Which shard gets it. */
  readonly hashKey: number
  /** How far its event time is behind the clock; more than the out-of-orderness for late ones. */
  readonly behindMs: number
}

export type Happening =
  | { readonly does: 'put'; readonly records: readonly PlannedRecord[] }
  | { readonly does: 'split' | 'merge' | 'revoke lease' | 'hand over'; readonly which: number }
  | {
      readonly does: 'kill'
      readonly task: number
      /** How many operations from now. */
      readonly inOperations: number
      readonly when: 'before' | 'after'
      readonly backAfterMs: number
      /** It comes back under the same worker id and has its leases at once; otherwise they have to expire. */
      readonly keepsLeases: boolean
    }
  | { readonly does: 'pause'; readonly task: number; readonly ms: number }
  | {
      readonly does: 'store fails' | 'sinks are slow' | 'sinks are silent' | 'reads fail' | 'exchange is flawed'
      readonly ms: number
    }
  | { readonly does: 'start'; readonly task: number }
  | { readonly does: 'stop'; readonly task: number; readonly backAfterMs: number; readonly deadlineMs: number }
  /** Records that are older than this go. */
  | { readonly does: 'retention'; readonly keepsMs: number }
  | { readonly does: 'nothing' }

export type HistoryEvent = Happening & {
  /** How long after the event before. */
  readonly afterMs: number
}

export interface History {
  readonly seed: number
  readonly shards: number
  /** Tasks that run from the beginning. */
  readonly tasks: number
  /** Partitions of the exchange; 0 for none. */
  readonly partitions: number
  readonly events: readonly HistoryEvent[]
}

export function describeHistory({ seed, shards, tasks, partitions, events }: History): string {
  let at = 0
  const exchange = partitions === 0 ? 'no exchange' : `an exchange of ${partitions}`
  return [
    `seed ${seed}: ${tasks} task(s), ${shards} shard(s), ${exchange}`,
    ...events.map((event) => {
      at += event.afterMs
      return `  +${String(at).padStart(6)} ms  ${describe(event)}`
    }),
  ].join('\n')
}

function describe(event: HistoryEvent): string {
  switch (event.does) {
    case 'put':
      return `put ${event.records
        .map(({ key, value, hashKey, behindMs }) => `${key}=${value} at ${hashKey}, ${behindMs} behind`)
        .join('; ')}`
    case 'kill':
      return `kill t${event.task} ${event.when} its ${event.inOperations}. operation from here, back after ${event.backAfterMs} ms${
        event.keepsLeases ? ' with its leases' : ''
      }`
    case 'pause':
      return `pause t${event.task} for ${event.ms} ms`
    case 'start':
      return `start t${event.task}`
    case 'stop':
      return `stop t${event.task} within ${event.deadlineMs} ms, back after ${event.backAfterMs} ms`
    case 'split':
    case 'merge':
    case 'revoke lease':
    case 'hand over':
      return `${event.does} of open shard ${event.which}`
    case 'retention':
      return `retention takes what is older than ${event.keepsMs} ms`
    case 'nothing':
      return 'nothing'
    default:
      return `${event.does} for ${event.ms} ms`
  }
}
