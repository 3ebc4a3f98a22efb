// Where lines end up: one bucket, and one Firehose delivery stream each for panes and for refused records (late and
// rejected ones, with their reason). Objects are gzipped NDJSON under `<kind>/date=…/hour=…/`, by time of delivery.
import { Duration, RemovalPolicy, Size, Stack, Validations } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as firehose from 'aws-cdk-lib/aws-kinesisfirehose'
import * as logs from 'aws-cdk-lib/aws-logs'
import * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'

export interface DeliveryProps {
  readonly stage: string
  readonly config: StageConfig['delivery']
  readonly retainData: boolean
  readonly logRetentionDays: logs.RetentionDays
}

export class Delivery extends Construct {
  readonly bucket: s3.IBucket
  readonly panes: firehose.DeliveryStream
  readonly refused: firehose.DeliveryStream

  constructor(scope: Construct, id: string, props: DeliveryProps) {
    super(scope, id)

    // `as`: the library's classes say `T | undefined` where their interfaces say `?: T`; exact optional types tell them apart.
    this.bucket = new s3.Bucket(this, 'Bucket', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [
        {
          expiration: Duration.days(props.config.expireAfterDays),
          abortIncompleteMultipartUploadAfter: Duration.days(7),
        },
      ],
      removalPolicy: props.retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    }) as s3.IBucket
    Validations.of(Stack.of(this)).acknowledge({
      id: 'CloudFormation-Validate::W7001',
      reason: 'The Firehose construct brings a map of addresses that only destinations inside a VPC use.',
    })
    this.panes = this.deliveryStream('Panes', 'panes', props)
    this.refused = this.deliveryStream('Refused', 'refused', props)
  }

  private deliveryStream(id: string, kind: string, props: DeliveryProps): firehose.DeliveryStream {
    const { stage, config } = props
    const logGroup = new logs.LogGroup(this, `${id}Logs`, {
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    const role = this.deliveryRole(`${id}Role`, logGroup)
    const stream = new firehose.DeliveryStream(this, id, {
      // Named, because people put lines in by hand, and emulators of AWS make no names.
      deliveryStreamName: `millrace-${stage}-${kind}`,
      encryption: firehose.StreamEncryption.awsOwnedKey(),
      destination: new firehose.S3Bucket(this.bucket, {
        role: role.withoutPolicyUpdates(),
        bufferingInterval: Duration.seconds(config.bufferSeconds),
        bufferingSize: Size.mebibytes(config.bufferMiB),
        compression: firehose.Compression.GZIP,
        fileExtension: '.ndjson.gz',
        dataOutputPrefix: `${kind}/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/`,
        errorOutputPrefix: `errors/${kind}/!{firehose:error-output-type}/date=!{timestamp:yyyy-MM-dd}/`,
        loggingConfig: new firehose.EnableLogging(logGroup),
      }),
    })
    // The rights must be there before Firehose tries them.
    stream.node.addDependency(role)
    return stream
  }

  /**
   * What delivery to S3 needs and no more ("Grant Firehose access to an Amazon S3 destination" in the Firehose guide).
   * The grant that the construct library would add could also delete objects.
   */
  private deliveryRole(id: string, logGroup: logs.LogGroup): iam.Role {
    const role = new iam.Role(this, id, { assumedBy: new iam.ServicePrincipal('firehose.amazonaws.com') })
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
        resources: [this.bucket.bucketArn],
      }),
    )
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
        resources: [this.bucket.arnForObjects('*')],
      }),
    )
    logGroup.grant(role, 'logs:PutLogEvents')
    return role
  }
}
