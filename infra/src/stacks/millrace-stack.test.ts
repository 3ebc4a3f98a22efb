// Rules that hold for everything in every stage, whoever adds a resource.
import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import { stageStack, stageTemplate, statementsOf } from '../testing/stage-template.ts'

// The function with which the CDK closes the default security group. It logs to a group that Lambda makes.
const cdkOwn = /^CustomVpcRestrictDefaultSG/

describe.each(['dev', 'staging', 'production'])('%s', (stage) => {
  const template = stageTemplate(stage)
  const resources = (type: string) => Object.entries(template.findResources(type))

  test('nothing can be reached from the internet, and no address is public', () => {
    const ingress = [
      ...resources('AWS::EC2::SecurityGroup').flatMap(([, group]) => group.Properties.SecurityGroupIngress ?? []),
      ...resources('AWS::EC2::SecurityGroupIngress').map(([, rule]) => rule.Properties),
    ]
    expect(ingress.length).toBeGreaterThan(0)
    for (const rule of ingress) {
      expect(rule).not.toHaveProperty('CidrIp')
      expect(rule).not.toHaveProperty('CidrIpv6')
    }
    template.resourceCountIs('AWS::EC2::InternetGateway', 0)
    template.resourceCountIs('AWS::EC2::NatGateway', 0)
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: false })
    template.hasResourceProperties('AWS::ECS::Service', {
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    })
  })

  test('every log group has a retention, and every function logs to one of them', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: Match.anyValue() })
    for (const [id, fn] of resources('AWS::Lambda::Function')) {
      if (cdkOwn.test(id)) continue
      expect(fn.Properties.LoggingConfig, id).toHaveProperty('LogGroup')
    }
  })

  test('every bucket blocks public access, is encrypted and refuses plain HTTP', () => {
    const buckets = resources('AWS::S3::Bucket')
    expect(buckets.length).toBeGreaterThan(0)
    for (const [id, bucket] of buckets) {
      expect(bucket.Properties.PublicAccessBlockConfiguration, id).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      })
      expect(bucket.Properties, id).toHaveProperty('BucketEncryption')
      template.hasResourceProperties('AWS::S3::BucketPolicy', {
        Bucket: { Ref: id },
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Action: 's3:*',
              Effect: 'Deny',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      })
    }
  })

  test('no right is a wildcard, and only what has no resource is allowed on all', () => {
    const allowed = statementsOf(template).filter(({ effect }) => effect === 'Allow')
    expect(allowed.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([])

    const onEverything = allowed.filter(({ resources }) => resources.includes('*'))
    expect(new Set(onEverything.flatMap(({ actions }) => actions))).toEqual(
      new Set(['ecr:GetAuthorizationToken', 'xray:PutTraceSegments', 'xray:PutTelemetryRecords']),
    )
  })

  test('everything says to which stage and cost centre it belongs', () => {
    template.hasResourceProperties('AWS::Kinesis::Stream', {
      Tags: Match.arrayWith([
        { Key: 'cost-centre', Value: 'analytics' },
        { Key: 'stage', Value: stage },
      ]),
    })
  })
})

test('production keeps stream, bucket and snapshots when the stack goes, and refuses to go by mistake', () => {
  const template = stageTemplate('production')
  for (const type of ['AWS::Kinesis::Stream', 'AWS::S3::Bucket', 'AWS::EFS::FileSystem']) {
    template.allResources(type, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  }
  expect(stageStack('production').terminationProtection).toBe(true)
})
