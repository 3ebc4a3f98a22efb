// The way in: a REST API whose POST /events goes to the events function, which puts them on the stream. The function is
// outside the VPC: it needs nothing there, and starts faster.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kinesis from 'aws-cdk-lib/aws-kinesis'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'

export interface IngestProps {
  readonly stage: string
  readonly config: StageConfig['ingest']
  readonly stream: kinesis.IStream
  /** The bundled function: a folder or zip with `index.mjs`. */
  readonly eventsCode: lambda.Code
  readonly logRetentionDays: logs.RetentionDays
}

export class Ingest extends Construct {
  readonly api: apigateway.RestApi
  readonly eventsFunction: lambda.Function
  private readonly logRetentionDays: logs.RetentionDays

  constructor(scope: Construct, id: string, props: IngestProps) {
    super(scope, id)
    this.logRetentionDays = props.logRetentionDays
    this.eventsFunction = this.createFunction(props)
    this.api = this.createApi(props)
    this.addEventsRoute()
  }

  private createFunction({ config, stream, eventsCode }: IngestProps): lambda.Function {
    const logGroup = this.logGroup('EventsLogs')
    // A role of our own: the managed policy that a function gets by default may write to every log group.
    const role = new iam.Role(this, 'EventsRole', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(role)
    stream.grant(role, 'kinesis:PutRecords')

    return new lambda.Function(this, 'Events', {
      description: 'POST /events: checks events and puts them on the stream',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: eventsCode,
      handler: 'index.handler',
      role,
      logGroup,
      memorySize: config.memoryMiB,
      // API Gateway gives up after 29 s. The function answers per event before its own time is over.
      timeout: Duration.seconds(25),
      tracing: lambda.Tracing.ACTIVE,
      environment: {
        MILLRACE_STREAM: stream.streamName,
        EVENT_SCHEMA: config.eventSchema,
        POWERTOOLS_SERVICE_NAME: 'millrace-events',
        ...(config.partitionKeyField && { PARTITION_KEY_FIELD: config.partitionKeyField }),
      },
    })
  }

  private createApi({ stage, config }: IngestProps): apigateway.RestApi {
    return new apigateway.RestApi(this, 'Api', {
      restApiName: `millrace-${stage}`,
      description: 'Takes events into the stream',
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      cloudWatchRole: true,
      defaultMethodOptions: {
        authorizationType:
          config.authorization === 'iam' ? apigateway.AuthorizationType.IAM : apigateway.AuthorizationType.NONE,
      },
      deployOptions: {
        stageName: stage,
        throttlingRateLimit: config.requestsPerSecond,
        throttlingBurstLimit: config.burstRequests,
        tracingEnabled: true,
        // Execution logs would carry bodies, into a log group that is not ours to set a retention on.
        loggingLevel: apigateway.MethodLoggingLevel.OFF,
        dataTraceEnabled: false,
        accessLogDestination: new apigateway.LogGroupLogDestination(this.logGroup('AccessLogs')),
        accessLogFormat: apigateway.AccessLogFormat.custom(JSON.stringify(accessLog)),
      },
    })
  }

  private addEventsRoute(): void {
    const events = this.api.root.addResource('events')
    events.addMethod('POST', new apigateway.LambdaIntegration(this.eventsFunction), {
      // Parameters only: the function says where a body is wrong and answers for each event, which a model cannot.
      requestValidator: new apigateway.RequestValidator(this, 'Validator', {
        // `as`: the library's classes say `T | undefined` where their interfaces say `?: T`; exact optional types tell them apart.
        restApi: this.api as apigateway.IRestApi,
        validateRequestParameters: true,
        validateRequestBody: false,
      }),
      requestParameters: { 'method.request.header.Content-Type': true },
    })
    // A missing Content-Type is the answer of the function: 415.
    this.api.addGatewayResponse('MissingParameters', {
      type: apigateway.ResponseType.BAD_REQUEST_PARAMETERS,
      statusCode: '415',
      templates: {
        'application/json': JSON.stringify({
          code: 'unsupported-media-type',
          reason: 'Content-Type must be application/json or application/x-ndjson',
        }),
      },
    })
  }

  private logGroup(id: string): logs.LogGroup {
    return new logs.LogGroup(this, id, { retention: this.logRetentionDays, removalPolicy: RemovalPolicy.DESTROY })
  }
}

const field = apigateway.AccessLogField
const accessLog = {
  requestId: field.contextRequestId(),
  time: field.contextRequestTime(),
  method: field.contextHttpMethod(),
  path: field.contextResourcePath(),
  status: field.contextStatus(),
  caller: field.contextIdentityCaller(),
  sourceIp: field.contextIdentitySourceIp(),
  responseBytes: field.contextResponseLength(),
  latencyMs: field.contextResponseLatency(),
  integrationLatencyMs: field.contextIntegrationLatency(),
  integrationStatus: field.contextIntegrationStatus(),
  error: field.contextErrorResponseType(),
}
