// What a task needs to read with the Kinesis Client Library: its tables in DynamoDB, which the library and the service make
// themselves, and a folder for the daemon's socket, since the root file system is read-only.
//
//   <application>                      a row per shard: lease and checkpoint
//   <application>-CoordinatorState     where the application began, and the library's own state
//   <application>-WorkerMetricStats    made only when the library moves to its version 3 protocol
//
// With an exchange there is a second application, which reads that: `<application>-exchange`.
import { Stack } from 'aws-cdk-lib'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kinesis from 'aws-cdk-lib/aws-kinesis'
import type { Construct } from 'constructs'

export interface KclProps {
  readonly task: ecs.FargateTaskDefinition
  readonly container: ecs.ContainerDefinition
  readonly stream: kinesis.IStream
  readonly exchange: kinesis.IStream | undefined
}

export function useKcl(scope: Construct, { task, container, stream, exchange }: KclProps): void {
  const stack = Stack.of(scope)
  const application = `${stack.stackName}-kcl`
  container.addEnvironment('MILLRACE_SOURCE', 'kcl')
  container.addEnvironment('MILLRACE_KCL_APPLICATION', application)
  task.addVolume({ name: 'tmp' })
  container.addMountPoints({ sourceVolume: 'tmp', containerPath: '/tmp', readOnly: false })

  grantApplication(task, stream, application)
  if (exchange !== undefined) grantApplication(task, exchange, `${application}-exchange`)
}

/** The rights of one application of the library, which reads one stream. */
function grantApplication(task: ecs.FargateTaskDefinition, stream: kinesis.IStream, application: string): void {
  const stack = Stack.of(task)
  const tables = ['', '-CoordinatorState', '-WorkerMetricStats'].map((suffix) =>
    stack.formatArn({ service: 'dynamodb', resource: 'table', resourceName: `${application}${suffix}` }),
  )
  task.addToTaskRolePolicy(
    new iam.PolicyStatement({
      actions: [
        'dynamodb:CreateTable',
        'dynamodb:DeleteItem',
        'dynamodb:DescribeTable',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Scan',
        'dynamodb:UpdateItem',
      ],
      resources: tables,
    }),
  )
  // Enhanced fan-out (MILLRACE_KCL_RETRIEVAL=FANOUT) registers a consumer under the application's name.
  stream.grant(task.taskRole, 'kinesis:DescribeStreamConsumer', 'kinesis:RegisterStreamConsumer')
  task.addToTaskRolePolicy(
    new iam.PolicyStatement({
      actions: ['kinesis:DescribeStreamConsumer', 'kinesis:SubscribeToShard'],
      resources: [`${stream.streamArn}/consumer/${application}:*`],
    }),
  )
}
