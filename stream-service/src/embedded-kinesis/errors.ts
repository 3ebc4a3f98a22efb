// The errors of the Kinesis API. Clients branch on the exception's name, so it is the `code`; messages follow the
// service's own wording where that is known.

export type KinesisErrorCode =
  | 'DryRunOperationException'
  | 'ExpiredIteratorException'
  | 'ExpiredNextTokenException'
  | 'InternalFailureException'
  | 'InvalidArgumentException'
  | 'LimitExceededException'
  | 'ProvisionedThroughputExceededException'
  | 'ResourceInUseException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'UnknownOperationException'
  | 'ValidationException'

/** A call that Kinesis refuses: the exception's name in `code`, and what a person needs to mend it in `message`. */
export class KinesisApiError extends Error {
  readonly code: KinesisErrorCode

  constructor(code: KinesisErrorCode, message: string) {
    super(message)
    this.name = code
    this.code = code
  }
}

export function invalidArgument(message: string): KinesisApiError {
  return new KinesisApiError('InvalidArgumentException', message)
}

export function notFound(message: string): KinesisApiError {
  return new KinesisApiError('ResourceNotFoundException', message)
}
