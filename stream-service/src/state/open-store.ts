// Where a configuration wants its snapshots: in S3 where a bucket is named, in the state folder otherwise.
import { join } from 'node:path'
import { endpointOf, s3Client } from '@millrace/shared/aws-clients'
import type { ServiceConfig } from '../config.ts'
import type { ServiceLogger } from '../tasks/service-logger.ts'
import { openFolderStore } from './folder-store.ts'
import { S3Store } from './s3-store.ts'
import type { SnapshotInvalidError, SnapshotStore } from './snapshot-store.ts'

/** A PUT of some megabytes takes a fraction of a second; one without any answer for so long is sent again. */
const requestTimeoutMs = 10_000

export async function openStore(
  {
    stateFolder,
    snapshotBucket,
    snapshotPrefix,
  }: Pick<ServiceConfig, 'stateFolder' | 'snapshotBucket' | 'snapshotPrefix'>,
  logger: ServiceLogger,
): Promise<SnapshotStore> {
  const onInvalid = (error: SnapshotInvalidError) =>
    logger.error({ err: error }, 'a snapshot cannot be used; the one before it is')
  if (snapshotBucket === undefined) return openFolderStore({ folder: join(stateFolder, 'snapshots'), onInvalid })
  return new S3Store({
    client: s3Client({ requestTimeoutMs }),
    endpoint: endpointOf('S3'),
    bucket: snapshotBucket,
    prefix: snapshotPrefix,
    onInvalid,
    onRetry: (retry) => logger.warn(retry, 'S3 did not take a request; trying again'),
  })
}
