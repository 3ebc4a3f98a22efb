// The folder that outlives the task: a file system, mounted at `/state`. It holds the lines that a delivery stream refused for
// good; snapshots are in a bucket (`snapshot-bucket.ts`).
import { RemovalPolicy } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import * as efs from 'aws-cdk-lib/aws-efs'
import * as iam from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'

/** The user and group that the service runs as, in its image and on its file system. */
export const serviceUserId = '1000'

export interface StateFolderProps {
  readonly vpc: ec2.IVpc
  readonly serviceSecurityGroup: ec2.SecurityGroup
  readonly retainData: boolean
}

export class StateFolder extends Construct {
  private readonly fileSystem: efs.FileSystem
  private readonly accessPoint: efs.AccessPoint

  constructor(scope: Construct, id: string, { vpc, serviceSecurityGroup, retainData }: StateFolderProps) {
    super(scope, id)
    const securityGroup = new ec2.SecurityGroup(this, 'Group', {
      vpc,
      description: 'State folder: NFS from the stream service',
      allowAllOutbound: false,
    })
    securityGroup.addIngressRule(serviceSecurityGroup, nfs, 'stream service')
    serviceSecurityGroup.addEgressRule(securityGroup, nfs, 'state folder')

    this.fileSystem = new efs.FileSystem(this, 'FileSystem', {
      vpc,
      securityGroup,
      encrypted: true,
      fileSystemPolicy: new iam.PolicyDocument({ statements: [refusePlainText()] }),
      // A refused line is rare, and bursting includes 1 MiB/s and more for minutes at a time.
      throughputMode: efs.ThroughputMode.BURSTING,
      enableAutomaticBackups: false,
      removalPolicy: retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    this.accessPoint = this.fileSystem.addAccessPoint('State', {
      path: '/state',
      posixUser: { uid: serviceUserId, gid: serviceUserId },
      createAcl: { ownerUid: serviceUserId, ownerGid: serviceUserId, permissions: '750' },
    })
  }

  /** The volume as a task definition wants it. */
  volume(name: string): ecs.Volume {
    return {
      name,
      efsVolumeConfiguration: {
        fileSystemId: this.fileSystem.fileSystemId,
        transitEncryption: 'ENABLED',
        authorizationConfig: { accessPointId: this.accessPoint.accessPointId, iam: 'ENABLED' },
      },
    }
  }

  /** Lets tasks of this role mount and write, below the access point's folder only. */
  grantReadWrite(role: iam.IRole): void {
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        actions: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
        resources: [this.fileSystem.fileSystemArn],
        conditions: { StringEquals: { 'elasticfilesystem:AccessPointArn': this.accessPoint.accessPointArn } },
      }),
    )
  }
}

/** A file system without a policy can be mounted by anybody in the network; with this one, by roles that have the right. */
function refusePlainText(): iam.PolicyStatement {
  return new iam.PolicyStatement({
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite', 'elasticfilesystem:ClientRootAccess'],
    conditions: { Bool: { 'aws:SecureTransport': 'false' } },
  })
}

const nfs = ec2.Port.NFS
