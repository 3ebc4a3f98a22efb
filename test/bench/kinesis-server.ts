// An embedded Kinesis as a process of its own, so that its CPU time is told apart from its clients'.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { startEmbeddedKinesis } from '@millrace/stream-service/embedded-kinesis'

export interface KinesisUsage {
  readonly cpuMs: number
  readonly rssMiB: number
}

export interface KinesisServer {
  readonly endpoint: string
  usage(): Promise<KinesisUsage>
  stop(): Promise<void>
}

export async function startKinesisServer(retentionMs?: number): Promise<KinesisServer> {
  const child = fork(import.meta.filename, [String(retentionMs ?? '')])
  const [endpoint] = (await once(child, 'message')) as [string]
  return {
    endpoint,
    async usage() {
      child.send('usage')
      const [usage] = (await once(child, 'message')) as [KinesisUsage]
      return usage
    },
    async stop() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

/** The child: serves until its parent lets go of it or ends, and tells its usage when asked. */
async function serve(): Promise<void> {
  const retentionMs = process.argv[2] ? Number(process.argv[2]) : undefined
  const kinesis = await startEmbeddedKinesis({ retentionMs })
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!({ cpuMs: (user + system) / 1000, rssMiB: Math.round(process.memoryUsage.rss() / 1_048_576) })
  })
  process.on('disconnect', () => void kinesis.close())
  process.send!(kinesis.endpoint)
}

if (import.meta.main) await serve()
