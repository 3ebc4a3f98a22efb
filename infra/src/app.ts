// The CDK app. Bundles first, so that a deployment never ships an older build: `npx aws-cdk@2 deploy -c stage=dev`.
import { App } from 'aws-cdk-lib'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { bundleLambdas, bundleService, eventsFunctionDir } from '../../scripts/bundle.ts'
import { stageConfig } from './config.ts'
import { serviceImage } from './service-image.ts'
import { MillraceStack } from './stacks/millrace-stack.ts'

const app = new App()
const stage = app.node.tryGetContext('stage') ?? 'dev'
const config = stageConfig(String(stage))

await bundleLambdas()
await bundleService()

new MillraceStack(app, `Millrace-${stage}`, {
  config,
  eventsCode: Code.fromAsset(eventsFunctionDir),
  serviceImage: serviceImage(config.service.source),
})
