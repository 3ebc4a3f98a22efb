import { defineConfig } from 'vitest/config'

// unit: beside the sources, no network. conformance: one suite for every maker of an interface, loopback only.
// kcl: the KCL's daemon and DynamoDB Local, both on Java; run by scripts/test.mjs only where their jars can be had.
// integration: LocalStack in containers; started by scripts/test.mjs only where a Docker engine answers.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,stream-service,ingest-lambda,infra,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/cdk.out/**'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/{conformance,system,properties,examples,faults,simulation}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'kcl',
          include: ['test/kcl/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          // Real daemons on a busy machine: one test in some twenty runs waited in vain, for a reason not found yet.
          retry: 1,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
