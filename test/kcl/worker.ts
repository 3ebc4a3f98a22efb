// A consumer of the source `kcl` as a process of its own, for tests that kill it: it tells its parent all that it gets, and
// checkpoints every batch. SIGTERM stops it in order.
import { kinesisClient } from '@millrace/shared/aws-clients'
import { readConfig } from '../../stream-service/src/config.ts'
import { CreditGate } from '../../stream-service/src/operators/credit-gate.ts'
import type { Position } from '../../stream-service/src/records/record.ts'
import { openSource } from '../../stream-service/src/sources/open-source.ts'
import type { ReleaseReason, ShardSession } from '../../stream-service/src/sources/shard-source.ts'

export type WorkerMessage =
  | { readonly kind: 'session'; readonly shardId: string; readonly startAfter: Position | undefined }
  | { readonly kind: 'records'; readonly shardId: string; readonly texts: readonly string[] }
  | { readonly kind: 'checkpoint'; readonly shardId: string }
  | { readonly kind: 'released'; readonly shardId: string; readonly reason: ReleaseReason }

const config = readConfig(process.env)
const client = kinesisClient()
const gates = new Map<string, CreditGate>()
const tell = (message: WorkerMessage) => process.send!(message)
const say = (fields: object, message: string) => {
  if (process.env.LOG_LEVEL === 'info') process.stderr.write(`${message} ${JSON.stringify(fields)}\n`)
}

const source = openSource(
  { ...config, client, region: 'us-east-1', logger: { info: say, warn: say }, onGap: () => {} },
  { startedAt: Date.now(), startAfter: new Map(), gate: gateOf },
)
source.shards().subscribe({
  next: read,
  error: (error) => {
    process.stderr.write(`${error}\n`)
    process.exit(1)
  },
})
process.on('SIGTERM', () => {
  void source.stop().then(() => {
    client.destroy()
    process.disconnect()
  })
})
// A test that ended early leaves nobody to tell.
process.on('disconnect', () => void source.stop().then(() => process.exit()))

function read(session: ShardSession): void {
  const { shardId } = session
  let last: Position | undefined
  const save = (upTo: Position | 'SHARD_END' | undefined) => {
    if (upTo === undefined) return
    session.checkpoint(upTo).then(
      () => process.connected && tell({ kind: 'checkpoint', shardId }),
      () => {},
    )
  }
  tell({ kind: 'session', shardId, startAfter: session.startAfter })
  session.batches.subscribe(({ records }) => {
    last = records.at(-1)?.position ?? last
    tell({ kind: 'records', shardId, texts: records.map(({ data }) => Buffer.from(data).toString()) })
    if (records.length > 0) save(last)
    gateOf(shardId).give()
  })
  void session.released.then((reason) => {
    if (process.connected) tell({ kind: 'released', shardId, reason })
    if (reason === 'shard-end') save('SHARD_END')
    if (reason === 'shutdown') save(last)
  })
}

function gateOf(shardId: string): CreditGate {
  const gate = gates.get(shardId) ?? new CreditGate(2)
  gates.set(shardId, gate)
  return gate
}
