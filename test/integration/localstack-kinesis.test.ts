// The contract suite against LocalStack: an independent implementation, which keeps the suite honest about what "any
// Kinesis" does. Its known deviations from AWS are named below.
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { LocalstackContainer } from '@testcontainers/localstack'
import { describeKinesisContract } from '../conformance/kinesis-contract.ts'

describeKinesisContract('LocalStack', async () => {
  const container = await new LocalstackContainer('localstack/localstack:4.14.0').start()
  const client = new KinesisClient({
    endpoint: container.getConnectionUri(),
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    // By default the client opens an HTTP/2 session per request and announces its end as soon as the response begins;
    // LocalStack then breaks off responses longer than a flow control window ("Session closed with error code 1").
    requestHandler: { disableConcurrentStreams: false },
  })
  return {
    client,
    async stop() {
      client.destroy()
      await container.stop({ timeout: 15_000 })
    },
  }
}, ['behind-after-limit', 'ending-sequence-number', 'batch-limit', 'invalid-iterator'])
