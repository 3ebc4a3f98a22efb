// The mode --latency: from the record that lets a window fire to its panes in the sink, end to end.
//
//   producer ──PutRecords──> embedded Kinesis ──GetRecords, every 200 ms──> service ──> panes.ndjson
//      │ answered: the last of the four shards has passed the window's end                   │ read
//      └───────────────────────────── this time, for every pane ─────────────────────────────┘
//
// Kinesis and the service are processes of their own; this one puts the records and reads the file, so that there is a
// single clock.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { kinesisClient } from '@millrace/shared/aws-clients'
import { workFolder } from '../cache.ts'
import type { Found } from '../findings.ts'
import { startKinesisServer } from '../kinesis-server.ts'
import type { LatencyOptions } from '../options.ts'
import { foundLatency, type MeasuredLatency } from './found-latency.ts'
import { LineArrivals } from './line-arrivals.ts'
import { LiveProducer } from './live-producer.ts'
import { delaysOf } from './pane-delays.ts'
import { startService } from './service.ts'
import { WindowsPut } from './windows-put.ts'

const shards = 4
const recordsPerSecond = 5_000
const pollIntervalMs = 200
const windowMs = 1_000
/** Event times lie less than that in the past when they are put. */
const outOfOrdernessMs = 200
/** The service makes its machine code on the way; windows that may fire before are left out. */
const warmUpSeconds = 5
/** So long the service has for the panes that are due when the last record has been put. */
const patienceMs = 10_000
/** The stream is read as it is written. */
const retentionMs = 30_000
const streamName = 'latency'

const query = {
  name: 'latency',
  time: { field: 'ts', unit: 'ms', outOfOrderness: `${outOfOrdernessMs}ms` },
  keyBy: ['page'],
  window: { type: 'tumbling', size: `${windowMs}ms` },
  aggregates: { count: { fn: 'count' }, sum: { fn: 'sum', field: 'value' } },
}

export async function measureLatency(options: LatencyOptions, say: (text: string) => void): Promise<Found> {
  const folder = join(workFolder, 'latency')
  mkdirSync(folder)
  const kinesis = await startKinesisServer(retentionMs)
  try {
    say(`${warmUpSeconds} s to warm up, then ${options.seconds} s of ${recordsPerSecond} records/s …`)
    return foundLatency(options, await measure(options, kinesis.endpoint, folder))
  } finally {
    await kinesis.stop()
  }
}

async function measure({ seconds, seed }: LatencyOptions, endpoint: string, folder: string): Promise<MeasuredLatency> {
  const client = kinesisClient({ endpoint })
  try {
    await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: shards }))
    const { service, panesFile, refusedFile } = await startService({
      endpoint,
      streamName,
      folder,
      query,
      pollIntervalMs,
    })
    const arrivals = new LineArrivals(panesFile)
    const windows = new WindowsPut({ shards, windowMs, outOfOrdernessMs })
    const producer = new LiveProducer({ client, streamName, recordsPerSecond, seed, outOfOrdernessMs, windows })
    await producer.put(warmUpSeconds)
    const before = await service.usage()
    const warmedUpTo = windows.lastEnd
    const { records, putMs } = await producer.put(seconds)
    const after = await service.usage()
    await arrivals.wait(windows.panesDue, patienceMs)
    arrivals.close()
    service.stop()
    await service.ended
    const cpuMs = after.cpuMs - before.cpuMs
    return {
      ...delaysOf({ panesFile, refusedFile, arrivedAt: arrivals.perLine(), windows, after: warmedUpTo }),
      shards,
      pollIntervalMs,
      records,
      putMs,
      cpuMs,
      cpuShare: cpuMs / (after.wallMs - before.wallMs),
      peakRssMb: after.peakRssMb,
    }
  } finally {
    client.destroy()
  }
}
