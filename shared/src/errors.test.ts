import { describe, expect, test } from 'vitest'
import { awsRetryReason, describeAwsError, MillraceError, toAwsError } from './errors.ts'

function answered(name: string, message = '', httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode, attempts: 1 } })
}

const read = { what: 'read the stream', streamName: 'orders', endpoint: 'http://localhost:4567' }

describe('describeAwsError', () => {
  test('says what was wanted, what was found and what to do next, in one line', () => {
    const missing = answered('ResourceNotFoundException', 'Stream orders\nnot found')
    expect(describeAwsError(missing, read)).toBe(
      'Could not read the stream "orders" at http://localhost:4567: it does not exist there (Stream orders not found). ' +
        'Check the name, the endpoint and the account, or create it.',
    )
  })

  test.each([
    [answered('AccessDeniedException', 'not authorized to perform: kinesis:GetRecords'), 'access-denied', false],
    [answered('ExpiredTokenException'), 'expired-credentials', false],
    [answered('UnrecognizedClientException'), 'bad-credentials', false],
    [Object.assign(new Error('Could not load'), { name: 'CredentialsProviderError' }), 'no-credentials', false],
    [new Error('Region is missing'), 'no-region', false],
    [answered('ProvisionedThroughputExceededException'), 'throttled', true],
    [answered('Unknown', '', 429), 'throttled', true],
    [answered('InternalFailureException', '', 500), 'service-failure', true],
    [answered('ValidationException', 'too long'), 'invalid-request', false],
    [
      Object.assign(answered('InvalidSignatureException'), { $metadata: { clockSkewCorrected: true } }),
      'service-failure',
      true,
    ],
    [Object.assign(new Error(), { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } }), 'bad-certificate', false],
    [Object.assign(new TypeError('x is undefined'), { $metadata: { attempts: 1 } }), 'unknown', false],
    ['a thrown string', 'unknown', false],
  ])('%s', (error, code, isRetryable) => {
    expect(toAwsError(error, read).code).toBe(code)
    expect(awsRetryReason(error) !== undefined).toBe(isRetryable)
  })
})

test('an explained error keeps its cause and is not explained twice', () => {
  const cause = answered('AccessDeniedException', 'no')
  const error = toAwsError(cause, read)
  expect(error.cause).toBe(cause)
  expect(error).toBeInstanceOf(MillraceError)
  expect(error.name).toBe('AwsError')
  expect(toAwsError(error, { what: 'do something else' })).toBe(error)
})
