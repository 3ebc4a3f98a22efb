// The network of the service: private subnets without any way to or from the internet. The AWS services that it talks to
// are reached through endpoints, so there is no NAT gateway to pay for and nothing to be reached from outside.
import { RemovalPolicy } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

export interface NetworkProps {
  readonly maxAzs: number
  readonly logRetentionDays: logs.RetentionDays
}

export class Network extends Construct {
  readonly vpc: ec2.IVpc
  /** The service's own group: nobody connects to it, and it connects to HTTPS endpoints only. */
  readonly serviceSecurityGroup: ec2.SecurityGroup

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id)

    // `as`: the library's classes say `T | undefined` where their interfaces say `?: T`; exact optional types tell them apart.
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      maxAzs: props.maxAzs,
      natGateways: 0,
      subnetConfiguration: [{ name: 'service', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: true,
    }) as ec2.IVpc

    const flowLogs = new logs.LogGroup(this, 'FlowLogs', {
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    // Only what was refused: it is what an investigation starts from, and costs next to nothing.
    this.vpc.addFlowLog('RefusedTraffic', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(flowLogs),
      trafficType: ec2.FlowLogTrafficType.REJECT,
    })

    this.serviceSecurityGroup = new ec2.SecurityGroup(this, 'ServiceGroup', {
      vpc: this.vpc,
      description: 'The stream service: no ingress, HTTPS out',
      allowAllOutbound: false,
    })
    // S3's gateway endpoint has public addresses, hence any address; without an internet gateway no other can be reached.
    this.serviceSecurityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.HTTPS, 'AWS endpoints')

    this.addEndpoints()
  }

  private addEndpoints(): void {
    const group = new ec2.SecurityGroup(this, 'EndpointGroup', {
      vpc: this.vpc,
      description: 'Interface endpoints: HTTPS from the stream service',
      allowAllOutbound: false,
    })
    group.addIngressRule(this.serviceSecurityGroup, ec2.Port.HTTPS, 'stream service')

    // Gateway endpoints are free. Image layers come from S3.
    this.vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 })
    this.vpc.addGatewayEndpoint('DynamoDb', { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB })
    for (const [name, service] of Object.entries(interfaceEndpoints)) {
      this.vpc.addInterfaceEndpoint(name, { service, securityGroups: [group], open: false })
    }
  }
}

const interfaceEndpoints = {
  Kinesis: ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
  Firehose: ec2.InterfaceVpcEndpointAwsService.KINESIS_FIREHOSE,
  Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Ecr: ec2.InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
} as const
