// Objects of one bucket as snapshots need them: read from their beginning or from the middle, replaced only if they are what
// they were. Calls that fail for a moment are made again; the others are told with bucket, key and what to do.
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { awsRetryReason, toAwsError } from '@millrace/shared/errors'
import { type Backoff, retryCall, type Timing } from '@millrace/shared/retry'

export interface S3ObjectsOptions {
  readonly client: S3Client
  readonly bucket: string
  /** Where the client goes, for messages; undefined for AWS itself. */
  readonly endpoint?: string | undefined
  /** How long a call is repeated, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number
  readonly timing?: Timing
  onRetry?(retry: { readonly what: string; readonly reason: string; readonly delayMs: number }): void
}

/** Small, because a lane waits: a hundred milliseconds are much beside the 30 that a PUT takes. */
const backoff: Backoff = { baseMs: 50, capMs: 5_000 }

export interface S3Object {
  readonly bytes: Buffer
  readonly etag: string
  /** The length of the whole object. */
  readonly totalBytes: number
  readonly metadata: Readonly<Record<string, string>>
}

/** What an object has to be for `put` to replace it: the one with this entity tag, or none. */
export type Precondition = { readonly etag: string } | 'absent'

export class S3Objects {
  readonly #options: S3ObjectsOptions

  constructor(options: S3ObjectsOptions) {
    this.#options = options
  }

  /** The first bytes of an object, at most so many; undefined when there is none. */
  readBeginning(key: string, most: number): Promise<S3Object | undefined> {
    return this.#call('read', key, async () => {
      try {
        return await this.#get({ Bucket: this.#options.bucket, Key: key, Range: `bytes=0-${most - 1}` })
      } catch (error) {
        // No range fits an empty object.
        if (nameOf(error) === 'InvalidRange') return this.#get({ Bucket: this.#options.bucket, Key: key })
        if (nameOf(error) === 'NoSuchKey') return undefined
        throw error
      }
    })
  }

  /** The rest of an object from a byte on; undefined when it is no longer the one with this entity tag. */
  readFrom(key: string, etag: string, start: number): Promise<Buffer | undefined> {
    return this.#call('read', key, async () => {
      try {
        const range = { Bucket: this.#options.bucket, Key: key, Range: `bytes=${start}-`, IfMatch: etag }
        return (await this.#get(range)).bytes
      } catch (error) {
        if (isRefusedPrecondition(error)) return undefined
        throw error
      }
    })
  }

  async #get(input: GetObjectCommandInput): Promise<S3Object> {
    const { Body, ETag, ContentRange, Metadata } = await this.#options.client.send(new GetObjectCommand(input))
    const bytes = Buffer.from(await Body!.transformToByteArray())
    const totalBytes = ContentRange === undefined ? bytes.length : Number(/\/(\d+)$/.exec(ContentRange)![1])
    return { bytes, etag: ETag!, totalBytes, metadata: Metadata ?? {} }
  }

  /**
   * Replaces an object and gives its new entity tag; undefined when the precondition does not hold. An attempt whose answer
   * was lost may have been carried out; a later one then finds the precondition broken by it.
   */
  put(
    key: string,
    bytes: Buffer,
    precondition: Precondition,
    metadata: Readonly<Record<string, string>>,
  ): Promise<string | undefined> {
    const { client, bucket } = this.#options
    return this.#call('write', key, async () => {
      try {
        const { ETag } = await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: bytes,
            ContentType: 'application/octet-stream',
            Metadata: metadata,
            ...(precondition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: precondition.etag }),
          }),
        )
        return ETag!
      } catch (error) {
        if (isRefusedPrecondition(error)) return undefined
        throw error
      }
    })
  }

  /** What follows `prefix` in keys, up to the next slash, once each. */
  async foldersBelow(prefix: string): Promise<string[]> {
    const folders: string[] = []
    let token: string | undefined
    do {
      const page = await this.#call('list', prefix, () =>
        this.#options.client.send(
          new ListObjectsV2Command({
            Bucket: this.#options.bucket,
            Prefix: prefix,
            Delimiter: '/',
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Prefix } of page.CommonPrefixes ?? []) folders.push(Prefix!.slice(prefix.length, -1))
      token = page.NextContinuationToken
    } while (token !== undefined)
    return folders
  }

  async #call<Value>(verb: string, key: string, call: () => Promise<Value>): Promise<Value> {
    const { bucket, endpoint, timeoutMs = 30_000, timing, onRetry } = this.#options
    const what = `${verb} the snapshot s3://${bucket}/${key}`
    try {
      return await retryCall(call, {
        retryReason,
        timeoutMs,
        backoff,
        ...(timing === undefined ? {} : { timing }),
        onRetry: (retry) => onRetry?.({ what, ...retry }),
      })
    } catch (error) {
      throw toAwsError(error, { what, endpoint })
    }
  }
}

/** Another write to the same key was under way; S3 asks to try again. */
const conflict = 'ConditionalRequestConflict'

function retryReason(error: unknown): string | undefined {
  return nameOf(error) === conflict ? conflict : awsRetryReason(error)
}

/** S3 answers NoSuchKey to a condition on an object that is not there. */
function isRefusedPrecondition(error: unknown): boolean {
  const name = nameOf(error)
  return name === 'PreconditionFailed' || name === 'NoSuchKey'
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
