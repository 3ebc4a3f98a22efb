// Errors with a stable `code`, and plain words for what AWS answers: one line that says what was wanted, what was found
// and what to do next. Which failures are worth another attempt is decided here too, once for all callers.

/** Base of all errors that this project throws for the outside world. Branch on `code` or class, never on the message. */
export class MillraceError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

export type AwsErrorCode =
  | 'access-denied'
  | 'bad-certificate'
  | 'bad-credentials'
  | 'expired-credentials'
  | 'foreign-position'
  | 'invalid-request'
  | 'no-credentials'
  | 'no-region'
  | 'not-found'
  | 'not-http2'
  | 'service-failure'
  | 'throttled'
  | 'unreachable'
  | 'unknown-host'
  | 'unknown'

/** An AWS call that failed for good; its message is the advice of `describeAwsError`, its cause the SDK's error. */
export class AwsError extends MillraceError {
  declare readonly code: AwsErrorCode
}

export interface AwsCallDescription {
  /** What was wanted, as an infinitive that the stream's name can follow: 'read the stream'. */
  readonly what: string
  readonly streamName?: string | undefined
  /** Where the call went; without it, AWS is meant. */
  readonly endpoint?: string | undefined
}

/** Turns an error of the AWS SDK into one line of advice, like
 * `Could not read the stream "orders" at http://localhost:4567: nothing listens there (ECONNREFUSED). Start …`. */
export function describeAwsError(error: unknown, call: AwsCallDescription): string {
  return toAwsError(error, call).message
}

/** As `describeAwsError`, but as an error to throw. An `AwsError` is returned as it is. */
export function toAwsError(error: unknown, call: AwsCallDescription): AwsError {
  if (error instanceof AwsError) return error
  const { code, found, next } = diagnose(error, call)
  const name = call.streamName === undefined ? '' : ` "${call.streamName}"`
  const at = call.endpoint === undefined ? '' : ` at ${call.endpoint}`
  return new AwsError(code, `Could not ${call.what}${name}${at}: ${found}. ${next}`, { cause: error })
}

/**
 * Why a failed AWS call is worth another attempt, in a word: the service's name for its throttling or failure (5xx), or
 * what the wire did; a clock that the SDK has corrected counts too. Undefined for a refusal that would only be repeated.
 */
export function awsRetryReason(error: unknown): string | undefined {
  const { code } = diagnose(error, { what: '' })
  if (!retryable.has(code)) return undefined
  return (code === 'throttled' || code === 'service-failure') && error instanceof Error ? error.name : code
}

// HTTP/2 protocol errors come now and then from servers that do speak it (aws/aws-sdk-js-v3#3780).
const retryable: ReadonlySet<AwsErrorCode> = new Set([
  'not-http2',
  'service-failure',
  'throttled',
  'unknown-host',
  'unreachable',
])

interface Diagnosis {
  readonly code: AwsErrorCode
  readonly found: string
  readonly next: string
}

function diagnose(error: unknown, { endpoint }: AwsCallDescription): Diagnosis {
  const { name, message, status, wireCode, passedRetry, isClockCorrected } = facts(error)
  const where = endpoint === undefined ? 'the region' : 'the endpoint'

  if (isClockCorrected) {
    return { code: 'service-failure', found: 'the clock here is wrong and was corrected', next: 'Try again.' }
  }
  if (name === 'AbortError') {
    return { code: 'unknown', found: 'it was stopped', next: 'Try again.' }
  }
  if (name === 'ResourceNotFoundException' || name === 'NoSuchBucket') {
    return {
      code: 'not-found',
      found: `it does not exist there (${oneLine(message)})`,
      next: `Check the name, ${where} and the account, or create it.`,
    }
  }
  if (throttled.has(name) || status === 429) {
    return { code: 'throttled', found: `too many requests (${name})`, next: 'Wait, slow down, or add shards.' }
  }
  if (name === 'CredentialsProviderError') {
    return {
      code: 'no-credentials',
      found: 'no AWS credentials were found',
      next: 'Set AWS_PROFILE (after `aws sso login` or `aws configure`), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    }
  }
  if (expired.has(name)) {
    return { code: 'expired-credentials', found: 'the AWS credentials have expired', next: 'Log in again, then retry.' }
  }
  if (badCredentials.has(name)) {
    return {
      code: 'bad-credentials',
      found: `the AWS credentials are not valid there (${name})`,
      next: 'Check AWS_PROFILE, the access key and its secret, and the clock of this machine.',
    }
  }
  if (accessDenied.has(name)) {
    return {
      code: 'access-denied',
      found: `access is denied (${oneLine(message)})`,
      next: 'Grant the action named there to the role or user in use.',
    }
  }
  // The SDK throws a bare Error for it, so that there is nothing but its text to go by.
  if (message === 'Region is missing') {
    return { code: 'no-region', found: 'no AWS region is set', next: 'Set AWS_REGION or pass --region.' }
  }
  if (status !== undefined && status >= 500) {
    return { code: 'service-failure', found: `the service failed (${name}, HTTP ${status})`, next: 'Try again.' }
  }
  if (status === undefined && wireCode !== undefined && certificate.test(wireCode)) {
    return {
      code: 'bad-certificate',
      found: `its TLS certificate is not trusted (${wireCode})`,
      next: 'Set NODE_EXTRA_CA_CERTS to the file of the authority that signed it.',
    }
  }
  if (wireCode === 'ERR_HTTP2_ERROR') {
    return {
      code: 'not-http2',
      found: 'what listens there does not speak HTTP/2',
      next: 'Check the port; Kinesis clients need a server that speaks HTTP/2.',
    }
  }
  if (wireCode === 'ENOTFOUND' || wireCode === 'EAI_AGAIN') {
    return {
      code: 'unknown-host',
      found: `its host name is not known (${wireCode})`,
      next: `Check ${where} and the network.`,
    }
  }
  if (wireCode === 'ECONNREFUSED') {
    return {
      code: 'unreachable',
      found: 'nothing listens there (ECONNREFUSED)',
      next: 'Start the server, or check the address and port of the endpoint.',
    }
  }
  if (
    name === 'TimeoutError' ||
    (wireCode !== undefined && network.has(wireCode)) ||
    (passedRetry && status === undefined)
  ) {
    return {
      code: 'unreachable',
      found: `no answer came (${wireCode ?? name}: ${oneLine(message)})`,
      next: `Check ${where} and the network.`,
    }
  }
  if (status !== undefined) {
    return {
      code: 'invalid-request',
      found: `the request was refused (${name}, HTTP ${status}: ${oneLine(message)})`,
      next: `Check the name and ${where}.`,
    }
  }
  return { code: 'unknown', found: `${name}: ${oneLine(message)}`, next: 'See the cause.' }
}

interface Facts {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  /** The code of the socket, resolver, TLS or HTTP/2 failure, the innermost cause first. */
  readonly wireCode: string | undefined
  /** The SDK's retry saw it: it failed on its way out or back, not while it was being prepared. */
  readonly passedRetry: boolean
  readonly isClockCorrected: boolean
}

function facts(error: unknown): Facts {
  const metadata = property(error, '$metadata')
  const status = property(metadata, 'httpStatusCode')
  return {
    name: error instanceof Error ? error.name : 'Error',
    message: error instanceof Error ? error.message : String(error),
    status: typeof status === 'number' ? status : undefined,
    wireCode: wireCodeOf(error, 0),
    passedRetry: property(metadata, 'attempts') !== undefined && !(error instanceof TypeError),
    isClockCorrected: property(metadata, 'clockSkewCorrected') === true,
  }
}

function wireCodeOf(error: unknown, depth: number): string | undefined {
  if (depth > 5 || error === undefined) return undefined
  const code = property(error, 'code')
  return wireCodeOf(property(error, 'cause'), depth + 1) ?? (typeof code === 'string' ? code : undefined)
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '')
}

const throttled = new Set([
  'KMSThrottlingException',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
])
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])
const badCredentials = new Set([
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
])
const accessDenied = new Set(['AccessDenied', 'AccessDeniedException', 'KMSAccessDeniedException', 'OptInRequired'])
const certificate = /CERT|UNABLE_TO|SELF_SIGNED/
const network = new Set([
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_CANCEL',
  'ERR_HTTP2_STREAM_ERROR',
])
