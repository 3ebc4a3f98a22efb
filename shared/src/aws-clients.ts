// AWS clients as the project uses them: with time limits on every call, one attempt per call (the callers retry, entry by
// entry where it matters, so the SDK's own retry would multiply with theirs), and credentials for local endpoints.
import net, { isIP, type Socket } from 'node:net'
import tls from 'node:tls'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { FirehoseClient, type FirehoseClientConfig } from '@aws-sdk/client-firehose'
import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { MillraceError } from './errors.ts'

type AwsService = 'DYNAMODB' | 'FIREHOSE' | 'KINESIS' | 'S3'

export interface AwsClientOptions {
  /** Default: `AWS_ENDPOINT_URL_KINESIS` (or `_FIREHOSE`, `_DYNAMODB`, `_S3`), `AWS_ENDPOINT_URL`, else AWS itself. */
  readonly endpoint?: string | undefined
  /** Default: `AWS_REGION` and what else the SDK looks at; with an endpoint and no `AWS_REGION`, us-east-1. */
  readonly region?: string | undefined
  /** Default: the SDK's provider chain; for a loopback endpoint without `AWS_ACCESS_KEY_ID` or `AWS_PROFILE`, dummy ones. */
  readonly credentials?: KinesisClientConfig['credentials'] | undefined
  /** Attempts per call, including the first. Default 1; more only where nothing above retries. */
  readonly maxAttempts?: number
  /** How long a connection may take to open, in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** How long a call may go without any sign of an answer, in milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** Read instead of `process.env` by tests. */
  readonly env?: NodeJS.ProcessEnv
}

/** A Kinesis client over HTTP/2, which SubscribeToShard needs. `destroy()` it to let the process end. */
export function kinesisClient(options: AwsClientOptions = {}): KinesisClient {
  const client = new KinesisClient({
    ...baseConfig('KINESIS', options),
    requestHandler: {
      ...timeouts(options),
      sessionTimeout: 60_000,
      // Otherwise the SDK opens a connection, with its TLS handshake, for each call (aws/aws-sdk-js-v3#8279).
      disableConcurrentStreams: false,
      maxConcurrentStreams: 50,
      nodeHttp2ConnectOptions: { createConnection: (authority: URL) => connect(authority, timeouts(options)) },
    },
  })
  forgetDeadSessions(client)
  return client
}

export function firehoseClient(options: AwsClientOptions = {}): FirehoseClient {
  return new FirehoseClient({
    ...baseConfig('FIREHOSE', options),
    requestHandler: { ...timeouts(options), throwOnRequestTimeout: true },
  })
}

export function dynamoDbClient(options: AwsClientOptions = {}): DynamoDBClient {
  return new DynamoDBClient({
    ...baseConfig('DYNAMODB', options),
    requestHandler: { ...timeouts(options), throwOnRequestTimeout: true },
  })
}

/** An S3 client. At an endpoint of its own the bucket is a part of the path, since names below localhost seldom resolve. */
export function s3Client(options: AwsClientOptions = {}): S3Client {
  return new S3Client({
    ...baseConfig('S3', options),
    forcePathStyle: endpointOf('S3', options) !== undefined,
    requestHandler: { ...timeouts(options), throwOnRequestTimeout: true },
  })
}

/**
 * The credentials in the environment of a child process that makes its own clients for these endpoints: dummy ones where
 * the clients here would take dummy ones.
 */
export function credentialsEnv(endpoints: readonly (string | undefined)[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const areLocal = endpoints.every((endpoint) => endpoint !== undefined && isLocal(endpoint, env))
  if (!areLocal) return {}
  const { accessKeyId, secretAccessKey } = dummyCredentials
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_EC2_METADATA_DISABLED: 'true' }
}

/** Where a client with these options goes; undefined for AWS itself. For messages. */
export function endpointOf(service: AwsService, options: AwsClientOptions = {}): string | undefined {
  const env = options.env ?? process.env
  return options.endpoint ?? (env[`AWS_ENDPOINT_URL_${service}`] || env.AWS_ENDPOINT_URL || undefined)
}

/** As in the names of `AWS_ENDPOINT_URL_…`. */

function timeouts({ connectTimeoutMs = 5_000, requestTimeoutMs = 30_000 }: AwsClientOptions) {
  return { connectionTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs }
}

/** Connects as `http2.connect` would, but not for ever: the SDK has a time limit for that only with HTTP/1.1. */
function connect({ protocol, hostname, port }: URL, { connectionTimeout }: { connectionTimeout: number }): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  const isTls = protocol === 'https:'
  const socket = isTls
    ? tls.connect({
        host,
        port: Number(port || 443),
        ALPNProtocols: ['h2'],
        ...(isIP(host) ? {} : { servername: host }),
      })
    : net.connect({ host, port: Number(port || 80) })
  const timer = setTimeout(() => {
    const message = `no connection to ${host} within ${connectionTimeout} ms`
    socket.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
  }, connectionTimeout)
  for (const event of [isTls ? 'secureConnect' : 'connect', 'close']) socket.once(event, () => clearTimeout(timer))
  return socket
}

type BaseConfig = Pick<
  KinesisClientConfig & FirehoseClientConfig & S3ClientConfig,
  'endpoint' | 'region' | 'credentials' | 'maxAttempts'
>

function baseConfig(service: AwsService, options: AwsClientOptions): BaseConfig {
  const env = options.env ?? process.env
  const endpoint = endpointOf(service, options)
  const region = options.region ?? env.AWS_REGION ?? (endpoint === undefined ? undefined : 'us-east-1')
  const credentials =
    options.credentials ?? (endpoint !== undefined && isLocal(endpoint, env) ? dummyCredentials : undefined)
  return {
    maxAttempts: options.maxAttempts ?? 1,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

const dummyCredentials = { accessKeyId: 'test', secretAccessKey: 'test' }

function isLocal(endpoint: string, env: NodeJS.ProcessEnv): boolean {
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new MillraceError('bad-endpoint', `the endpoint must be a URL like http://localhost:4566, not "${endpoint}"`)
  }
  if (env.AWS_ACCESS_KEY_ID || env.AWS_PROFILE) return false
  const host = new URL(endpoint).hostname
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
}

/**
 * A connection can die without a word (a NAT that forgot it): calls on its HTTP/2 session then time out one by one while
 * the session stays in the pool and gets the next call. So a call that timed out takes all pooled sessions with it; the
 * handler opens new ones for the calls that follow. The generation keeps calls that died with their session from taking
 * the new ones too.
 */
function forgetDeadSessions(client: KinesisClient): void {
  let generation = 0
  client.middlewareStack.add(
    (next) => async (args) => {
      const begunIn = generation
      try {
        return await next(args)
      } catch (error) {
        if (error instanceof Error && error.name === 'TimeoutError' && begunIn === generation) {
          generation++
          client.config.requestHandler.destroy?.()
        }
        throw error
      }
    },
    { step: 'deserialize', priority: 'low', name: 'forgetDeadSessions' },
  )
}
