import { App, Stack } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { Network } from './network.ts'

const stack = new Stack(new App(), 'Test')
new Network(stack, 'Network', { maxAzs: 2, logRetentionDays: 7 })
const template = Template.fromStack(stack)

test('the subnets have no route to the internet', () => {
  template.resourceCountIs('AWS::EC2::Subnet', 2)
  template.resourceCountIs('AWS::EC2::Route', 0)
  template.resourceCountIs('AWS::EC2::InternetGateway', 0)
})

test('the services that a task needs have endpoints, which take HTTPS from the service alone', () => {
  const endpoints = Object.values(template.findResources('AWS::EC2::VPCEndpoint')).map(({ Properties }) => ({
    type: Properties.VpcEndpointType as string,
    service: JSON.stringify(Properties.ServiceName)
      .match(/([a-z0-9.-]+)"\]\]/)![1]!
      .replace(/^\./, ''),
  }))
  const ofType = (type: string) => endpoints.filter((endpoint) => endpoint.type === type).map(({ service }) => service)
  expect(ofType('Gateway').sort()).toEqual(['dynamodb', 's3'])
  expect(ofType('Interface').sort()).toEqual(['ecr.api', 'ecr.dkr', 'kinesis-firehose', 'kinesis-streams', 'logs'])

  const rules = Object.values(template.findResources('AWS::EC2::SecurityGroupIngress'))
  expect(rules).toHaveLength(1)
  expect(rules[0]!.Properties).toMatchObject({ FromPort: 443, ToPort: 443, IpProtocol: 'tcp' })
  expect(JSON.stringify(rules[0]!.Properties.SourceSecurityGroupId)).toContain('ServiceGroup')
})

test('the default security group is closed, and refused traffic is logged', () => {
  template.resourceCountIs('Custom::VpcRestrictDefaultSG', 1)
  template.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT', LogDestinationType: 'cloud-watch-logs' })
})

test('the service connects to HTTPS only', () => {
  template.hasResourceProperties('AWS::EC2::SecurityGroup', {
    GroupDescription: Match.stringLikeRegexp('stream service: no ingress'),
    SecurityGroupEgress: [Match.objectLike({ CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443, IpProtocol: 'tcp' })],
    SecurityGroupIngress: Match.absent(),
  })
})
