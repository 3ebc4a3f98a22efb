// The image of the stream service. Synthesizing only hashes what `.dockerignore` lets into the build, the bundle; the
// image itself is built and pushed when the CLI deploys.
import path from 'node:path'
import { Platform } from 'aws-cdk-lib/aws-ecr-assets'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import type { StageConfig } from './config.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** With a Java runtime and the KCL's daemon only where the source is `kcl`. */
export function serviceImage(source: StageConfig['service']['source']): ecs.ContainerImage {
  return ecs.ContainerImage.fromAsset(root, {
    file: 'stream-service/Dockerfile',
    target: source,
    platform: Platform.LINUX_ARM64,
  })
}
