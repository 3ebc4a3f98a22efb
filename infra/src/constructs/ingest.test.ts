import { Match } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { actionsAllowedTo, stageTemplate } from '../testing/stage-template.ts'

const template = stageTemplate('dev')

test('POST /events is signed, has a Content-Type, and goes to the function as it is', () => {
  template.hasResourceProperties('AWS::ApiGateway::Resource', { PathPart: 'events' })
  template.hasResourceProperties('AWS::ApiGateway::Method', {
    HttpMethod: 'POST',
    AuthorizationType: 'AWS_IAM',
    RequestParameters: { 'method.request.header.Content-Type': true },
    RequestValidatorId: Match.anyValue(),
    Integration: { Type: 'AWS_PROXY' },
  })
  template.hasResourceProperties('AWS::ApiGateway::RequestValidator', { ValidateRequestParameters: true })
  template.hasResourceProperties('AWS::ApiGateway::GatewayResponse', {
    ResponseType: 'BAD_REQUEST_PARAMETERS',
    StatusCode: '415',
  })
})

test('a stage that says so takes events from anybody', () => {
  const open = stageTemplate('dev', (config) => ({ ...config, ingest: { ...config.ingest, authorization: 'none' } }))
  open.hasResourceProperties('AWS::ApiGateway::Method', { HttpMethod: 'POST', AuthorizationType: 'NONE' })
})

test('the API is throttled, traced, and logs each access as one JSON line, but no bodies', () => {
  const [stage] = Object.values(template.findResources('AWS::ApiGateway::Stage'))
  expect(stage!.Properties).toMatchObject({
    TracingEnabled: true,
    MethodSettings: [
      { ThrottlingRateLimit: 200, ThrottlingBurstLimit: 400, LoggingLevel: 'OFF', DataTraceEnabled: false },
    ],
  })
  expect(JSON.parse(stage!.Properties.AccessLogSetting.Format)).toMatchObject({
    requestId: '$context.requestId',
    status: '$context.status',
  })
})

test('the function runs on arm64 and may put records on the stream, log, and trace: nothing else', () => {
  template.hasResourceProperties('AWS::Lambda::Function', {
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    Timeout: 25,
    TracingConfig: { Mode: 'Active' },
    Environment: { Variables: { MILLRACE_STREAM: Match.anyValue(), PARTITION_KEY_FIELD: Match.absent() } },
  })
  expect(actionsAllowedTo(template, /^IngestEventsRole/)).toEqual([
    'kinesis:PutRecords',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
  ])
})

test('the field for the partition key and the schema reach the function', () => {
  const byUser = stageTemplate('dev', (config) => ({
    ...config,
    ingest: { ...config.ingest, partitionKeyField: 'userId', eventSchema: 'sample' },
  }))
  byUser.hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { PARTITION_KEY_FIELD: 'userId', EVENT_SCHEMA: 'sample' } },
  })
})
