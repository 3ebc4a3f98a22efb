// The MultiLang protocol: what the KCL's daemon and a record processor say to each other, a JSON object per line. The
// daemon asks, the processor answers with a status that names the question; between question and answer it may ask for
// checkpoints, one at a time, each of which the daemon confirms. Source: KCL for Java 3.1.3, `MultiLangProtocol` and the
// package `messages`; `protocol.test.ts` holds it against aws-kcl, Amazon's own implementation for Node.
import { MillraceError } from '@millrace/shared/errors'
import type { Position } from '../../records/record.ts'
import type { RecordBatch } from '../shard-source.ts'
import { batchOf, isProcessRecords, type ProcessRecordsMessage, readProcessRecords } from './process-records.ts'

/** What the daemon asks. */
export type Question =
  | {
      readonly action: 'initialize'
      readonly shardId: string
      /** The position that the lease's checkpoint names; undefined for TRIM_HORIZON, LATEST and AT_TIMESTAMP. */
      readonly startAfter: Position | undefined
    }
  | { readonly action: 'processRecords'; readonly batch: RecordBatch }
  | { readonly action: 'leaseLost' | 'shardEnded' | 'shutdownRequested' }

/** What the daemon says of a checkpoint it was asked for: undefined, or the simple name of a Java exception. */
export interface CheckpointReply {
  readonly action: 'checkpoint'
  readonly error: string | undefined
}

/** The daemon said something that is not of its protocol. */
class MultiLangProtocolError extends MillraceError {
  constructor(what: string, line: string, options?: ErrorOptions) {
    const shown = line.length > 200 ? `${line.slice(0, 200)}… (${line.length} characters)` : line
    super('multilang-protocol', `${what}: ${shown}`, options)
  }
}

/** @throws MultiLangProtocolError */
export function readMessage(line: readonly Uint8Array[]): Question | CheckpointReply {
  const batch = isProcessRecords(line) ? readProcessRecords(line) : undefined
  if (batch !== undefined) return { action: 'processRecords', batch }
  const text = (line.length === 1 ? Buffer.from(line[0]!) : Buffer.concat(line)).toString('utf8')
  const message = parse(text)
  switch (message.action) {
    case 'initialize': {
      const { shardId, sequenceNumber, subSequenceNumber } = message
      if (typeof shardId !== 'string') throw new MultiLangProtocolError('initialize names no shard', text)
      return { action: 'initialize', shardId, startAfter: checkpointOf(sequenceNumber, subSequenceNumber) }
    }
    case 'processRecords': {
      const given = message as Partial<ProcessRecordsMessage>
      if (!Array.isArray(given.records)) throw new MultiLangProtocolError('processRecords has no records', text)
      return { action: 'processRecords', batch: batchOf(given as ProcessRecordsMessage) }
    }
    case 'checkpoint':
      return { action: 'checkpoint', error: typeof message.error === 'string' ? message.error : undefined }
    // `shutdown` is what daemons of KCL 1 say for the two that follow; none of those is supported.
    case 'leaseLost':
    case 'shardEnded':
    case 'shutdownRequested':
      return { action: message.action }
    default:
      throw new MultiLangProtocolError('the daemon asks for an unknown action', text)
  }
}

export function statusLine(responseFor: Question['action']): string {
  return `${JSON.stringify({ action: 'status', responseFor })}\n`
}

/** Asks for a checkpoint. SHARD_END is asked for by naming nothing. */
export function checkpointLine(upTo: Position | 'SHARD_END'): string {
  if (upTo === 'SHARD_END') return '{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}\n'
  const [sequenceNumber, sub] = upTo.split(':')
  return `${JSON.stringify({ action: 'checkpoint', sequenceNumber, subSequenceNumber: sub === undefined ? 0 : Number(sub) })}\n`
}

interface AnyMessage {
  readonly action?: unknown
  readonly [name: string]: unknown
}

function parse(text: string): AnyMessage {
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message === 'object' && message !== null) return message as AnyMessage
  } catch (error) {
    throw new MultiLangProtocolError('the daemon sent a line that is no JSON', text, { cause: error })
  }
  throw new MultiLangProtocolError('the daemon sent a line that is no object', text)
}

/**
 * A lease at sub-sequence 0 may stand after a plain record or after the first of an aggregate; without the sub-sequence it
 * comes before both, and nothing is passed over.
 */
function checkpointOf(sequenceNumber: unknown, sub: unknown): Position | undefined {
  if (typeof sequenceNumber !== 'string' || !/^\d+$/.test(sequenceNumber) || sequenceNumber === '0') return undefined
  return typeof sub === 'number' && sub > 0 ? `${sequenceNumber}:${sub}` : sequenceNumber
}
