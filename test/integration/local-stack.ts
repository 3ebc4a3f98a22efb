// The deployed stack by hand, on a LocalStack: stream, bucket, Firehose delivery streams, the bundled events function and
// a REST API before it. CloudFormation on LocalStack knows neither the cluster nor half of the network, so that the CDK
// app cannot be deployed there; names and settings are those of infra/.
//
// As a program, `node test/integration/local-stack.ts ENDPOINT [PREFIX]` waits for LocalStack, creates them and prints what
// they are called; the function must have been bundled before (`npm run build`).
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  APIGatewayClient,
  CreateDeploymentCommand,
  CreateResourceCommand,
  CreateRestApiCommand,
  GetResourcesCommand,
  PutIntegrationCommand,
  PutMethodCommand,
} from '@aws-sdk/client-api-gateway'
import { CreateDeliveryStreamCommand, DescribeDeliveryStreamCommand, FirehoseClient } from '@aws-sdk/client-firehose'
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListStreamsCommand,
} from '@aws-sdk/client-kinesis'
import { CreateFunctionCommand, GetFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { CreateBucketCommand, GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { kinesisClient } from '@millrace/shared/aws-clients'
import { zipSync } from 'fflate'

export interface LocalStackOptions {
  /** Of LocalStack, as this process reaches it: `http://localhost:4566`. */
  readonly endpoint: string
  /** The folder of the bundled function, with `index.mjs`: `eventsFunctionDir` of scripts/bundle.ts. */
  readonly eventsFunctionDir: string
  /** Begins every name, so that several stacks fit one LocalStack. Default `millrace`. */
  readonly prefix?: string
  /** Default 2. */
  readonly shards?: number
  /** More of the function's environment, like `PARTITION_KEY_FIELD`. */
  readonly functionEnvironment?: Readonly<Record<string, string>>
}

export interface LocalStack {
  readonly endpoint: string
  readonly region: string
  readonly streamName: string
  readonly bucketName: string
  readonly panesFirehose: string
  readonly refusedFirehose: string
  readonly functionName: string
  /** Where events are POSTed. */
  readonly eventsUrl: string
}

const region = 'us-east-1'
const account = '000000000000'
const role = `arn:aws:iam::${account}:role/any`
const apiStage = 'local'

/** How clients of this LocalStack are made: `new S3Client(clientConfig(endpoint))`. */
export function clientConfig(endpoint: string) {
  return { endpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } } as const
}

/** A Kinesis client that is patient: the first call waits for LocalStack to start its Kinesis. */
export function patientKinesisClient(endpoint: string): KinesisClient {
  return kinesisClient({ ...clientConfig(endpoint), requestTimeoutMs: 60_000 })
}

/** Creates everything and resolves when all of it can be used. Nothing of that prefix may exist yet. */
export async function createLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { endpoint, prefix = 'millrace' } = options
  const names = {
    streamName: `${prefix}-events`,
    bucketName: `${prefix}-lines`,
    panesFirehose: `${prefix}-panes`,
    refusedFirehose: `${prefix}-refused`,
    functionName: `${prefix}-ingest`,
  }
  await createBucket(names.bucketName, endpoint)
  await createDelivery(names.panesFirehose, names.bucketName, 'panes/', endpoint)
  await createDelivery(names.refusedFirehose, names.bucketName, 'refused/', endpoint)
  const functionArn = await createFunction(names.functionName, names.streamName, options)
  const eventsUrl = await createApi(prefix, functionArn, options)
  // The last one: where the stream is, all the rest is.
  await createStream(names.streamName, options)
  return { endpoint, region, ...names, eventsUrl }
}

async function createStream(name: string, { endpoint, shards = 2 }: LocalStackOptions): Promise<void> {
  const kinesis = patientKinesisClient(endpoint)
  await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  await until(`stream ${name} is active`, async () => {
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: name }))
    return StreamDescriptionSummary?.StreamStatus === 'ACTIVE'
  })
  kinesis.destroy()
}

export async function createBucket(name: string, endpoint: string): Promise<void> {
  const s3 = new S3Client({ ...clientConfig(endpoint), forcePathStyle: true })
  await s3.send(new CreateBucketCommand({ Bucket: name }))
  s3.destroy()
}

/** A delivery stream that writes objects under a prefix. */
export async function createDelivery(
  name: string,
  bucketName: string,
  prefix: string,
  endpoint: string,
): Promise<void> {
  const firehose = new FirehoseClient(clientConfig(endpoint))
  await firehose.send(
    new CreateDeliveryStreamCommand({
      DeliveryStreamName: name,
      DeliveryStreamType: 'DirectPut',
      ExtendedS3DestinationConfiguration: {
        BucketARN: `arn:aws:s3:::${bucketName}`,
        RoleARN: role,
        Prefix: prefix,
        ErrorOutputPrefix: `errors/${prefix}`,
        CompressionFormat: 'GZIP',
        BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 16 },
      },
    }),
  )
  await until(`delivery stream ${name} is active`, async () => {
    const { DeliveryStreamDescription } = await firehose.send(
      new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }),
    )
    return DeliveryStreamDescription?.DeliveryStreamStatus === 'ACTIVE'
  })
  firehose.destroy()
}

/** The lines of all objects under a prefix, as text. */
export async function linesInS3(bucketName: string, prefix: string, endpoint: string): Promise<string> {
  const s3 = new S3Client({ ...clientConfig(endpoint), forcePathStyle: true })
  try {
    const texts: string[] = []
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: s3 },
      { Bucket: bucketName, Prefix: prefix },
    )) {
      for (const { Key } of Contents) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucketName, Key: Key! }))
        texts.push((await Body?.transformToString()) ?? '')
      }
    }
    return texts.join('')
  } finally {
    s3.destroy()
  }
}

async function createFunction(name: string, streamName: string, options: LocalStackOptions): Promise<string> {
  const lambda = new LambdaClient(clientConfig(options.endpoint))
  const { FunctionArn } = await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Architectures: [process.arch === 'arm64' ? 'arm64' : 'x86_64'],
      Handler: 'index.handler',
      Role: role,
      Timeout: 25,
      MemorySize: 512,
      Environment: {
        Variables: {
          MILLRACE_STREAM: streamName,
          POWERTOOLS_SERVICE_NAME: 'millrace-events',
          ...options.functionEnvironment,
        },
      },
      Code: { ZipFile: await zipOf(options.eventsFunctionDir) },
    }),
  )
  await until(`function ${name} is active`, async () => {
    const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: name }))
    if (Configuration?.State === 'Failed') throw new Error(`function ${name}: ${Configuration.StateReason}`)
    return Configuration?.State === 'Active'
  })
  lambda.destroy()
  return FunctionArn!
}

async function zipOf(dir: string): Promise<Uint8Array> {
  const files = (await readdir(dir)).filter((file) => !file.endsWith('.map'))
  if (!files.includes('index.mjs')) throw new Error(`no index.mjs in ${dir}: bundle the function first (npm run build)`)
  const contents = await Promise.all(files.map((file) => readFile(path.join(dir, file))))
  return zipSync(Object.fromEntries(files.map((file, at) => [file, contents[at]!])))
}

/** The API gets its name as its id, so that its address can be written down. */
async function createApi(name: string, functionArn: string, { endpoint }: LocalStackOptions): Promise<string> {
  const api = new APIGatewayClient(clientConfig(endpoint))
  const { id: restApiId } = await api.send(new CreateRestApiCommand({ name, tags: { _custom_id_: name } }))
  const { items } = await api.send(new GetResourcesCommand({ restApiId }))
  const parentId = items?.find((item) => item.path === '/')?.id
  const { id: resourceId } = await api.send(new CreateResourceCommand({ restApiId, parentId, pathPart: 'events' }))
  const method = { restApiId, resourceId, httpMethod: 'POST' }
  await api.send(new PutMethodCommand({ ...method, authorizationType: 'NONE' }))
  await api.send(
    new PutIntegrationCommand({
      ...method,
      type: 'AWS_PROXY',
      integrationHttpMethod: 'POST',
      uri: `arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${functionArn}/invocations`,
    }),
  )
  await api.send(new CreateDeploymentCommand({ restApiId, stageName: apiStage }))
  api.destroy()
  return `${endpoint}/_aws/execute-api/${restApiId}/${apiStage}/events`
}

async function until(what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(200)) {
    if (await holds()) return
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`)
}

async function answers(endpoint: string): Promise<boolean> {
  return (await fetch(`${endpoint}/_localstack/health`).catch(() => undefined))?.ok ?? false
}

async function hasStream(endpoint: string, name: string): Promise<boolean> {
  const kinesis = patientKinesisClient(endpoint)
  const { StreamNames = [] } = await kinesis.send(new ListStreamsCommand({}))
  kinesis.destroy()
  return StreamNames.includes(name)
}

if (import.meta.main) {
  const [endpoint, prefix = 'millrace'] = process.argv.slice(2)
  if (endpoint === undefined) {
    console.error('usage: node test/integration/local-stack.ts ENDPOINT [PREFIX]')
    process.exit(2)
  }
  const eventsFunctionDir = path.join(import.meta.dirname, '../../dist/lambda/events')
  await until(`LocalStack answers at ${endpoint}`, () => answers(endpoint))
  if (await hasStream(endpoint, `${prefix}-events`)) console.log(`${prefix} is there already`)
  else console.log(JSON.stringify(await createLocalStack({ endpoint, eventsFunctionDir, prefix }), null, 2))
}
