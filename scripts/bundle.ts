// Bundles what is shipped: each Lambda function and the service become one ES module without a node_modules folder,
// because Node refuses to strip types under one and a cold start pays for every file it opens. `npm run build` makes all
// of them; the CDK app and the integration tests call the same functions, so that what is tested is what is deployed.
//
//   dist/lambda/events/index.mjs    the function behind POST /events
//   dist/service/main.mjs           the stream service
//   dist/service/service-thread.mjs the threads that it may start
//   dist/service/millrace.mjs       the command line
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { type BuildOptions, build } from 'esbuild'

const root = path.resolve(import.meta.dirname, '..')

/** What to bundle: the module's name below the output folder, without extension, to its source, relative to the root. */
export type BundleEntries = Readonly<Record<string, string>>

export interface BundledFile {
  readonly path: string
  readonly bytes: number
}

export const lambdaEntries: BundleEntries = { 'events/index': 'ingest-lambda/events/index.ts' }
export const serviceEntries: BundleEntries = {
  main: 'stream-service/src/main.ts',
  'service-thread': 'stream-service/src/threads/service-thread.ts',
  millrace: 'stream-service/src/cli/millrace.ts',
}

/** Where each function's code lies after `bundleLambdas()`: the folder that becomes its zip. */
export const eventsFunctionDir = path.join(root, 'dist/lambda/events')

export function bundleLambdas(): Promise<readonly BundledFile[]> {
  return bundle(lambdaEntries, path.join(root, 'dist/lambda'))
}

export function bundleService(): Promise<readonly BundledFile[]> {
  return bundle(serviceEntries, path.join(root, 'dist/service'))
}

/**
 * Writes `<outdir>/<name>.mjs` for each entry, with a source map and the licences of what went in beside it, and answers
 * with the modules written. What was in `outdir` before is removed, so that no file of an older build is shipped.
 * A source that does not exist is an error that names all of them, and nothing is written.
 */
export async function bundle(entries: BundleEntries, outdir: string): Promise<readonly BundledFile[]> {
  const missing = Object.values(entries).filter((source) => !existsSync(path.resolve(root, source)))
  if (missing.length > 0) throw new Error(`nothing to bundle at: ${missing.join(', ')}`)

  await rm(outdir, { recursive: true, force: true })
  const result = await build({ ...options, entryPoints: absolute(entries), outdir })
  return Object.entries(result.metafile.outputs)
    .filter(([file]) => file.endsWith('.mjs'))
    .map(([file, { bytes }]) => ({ path: path.resolve(root, file), bytes }))
}

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // The ES module builds of the AWS SDK can be tree-shaken; its CommonJS builds cannot.
  mainFields: ['module', 'main'],
  // CommonJS dependencies inside an ES module still call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  minify: true,
  // Errors are told apart by name in logs, and some take theirs from the class.
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions

function absolute(entries: BundleEntries): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, path.resolve(root, source)]))
}

if (import.meta.main) {
  for (const file of [...(await bundleLambdas()), ...(await bundleService())]) {
    console.log(`${path.relative(root, file.path)}  ${(file.bytes / 1024).toFixed(0)} KiB`)
  }
}
