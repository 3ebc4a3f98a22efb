// The image of the stream service. Synthesizing only hashes what `.dockerignore` lets into the build, the bundle; the
// image itself is built and pushed when the CLI deploys.
import path from 'node:path'
import { Platform } from 'aws-cdk-lib/aws-ecr-assets'
import * as ecs from 'aws-cdk-lib/aws-ecs'

const root = path.resolve(import.meta.dirname, '../..')

export function serviceImage(): ecs.ContainerImage {
  return ecs.ContainerImage.fromAsset(root, { file: 'stream-service/Dockerfile', platform: Platform.LINUX_ARM64 })
}
