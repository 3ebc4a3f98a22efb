// The bucket of the service's snapshots. Every task reaches all of them, so that a lane can go to any task and take its state
// along. Were the bucket lost, the service would read the stream again from `MILLRACE_START_AT`, which gives the same panes as
// far back as the stream's retention goes.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'

/** What keys begin with: the default of `MILLRACE_SNAPSHOT_PREFIX`. */
const prefix = 'snapshots'

/** Longer than a stream can keep records: a snapshot that nobody has replaced for so long is of a shard that is gone. */
const expireAfterDays = 400

export class SnapshotBucket extends Construct {
  private readonly bucket: s3.Bucket

  constructor(scope: Construct, id: string, { retainData }: { readonly retainData: boolean }) {
    super(scope, id)
    this.bucket = new s3.Bucket(this, 'Bucket', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(expireAfterDays) }],
      removalPolicy: retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
  }

  get bucketName(): string {
    return this.bucket.bucketName
  }

  /** Lets tasks of this role read and replace snapshots. Without the right to list, S3 calls an object that is not there forbidden. */
  grantReadWrite(role: iam.IRole): void {
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [this.bucket.arnForObjects(`${prefix}/*`)],
      }),
    )
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }),
    )
  }
}
