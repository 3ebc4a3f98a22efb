// `npm run kcl:jars`: what the source `kcl` needs of Java, by Maven, in .cache/kcl: the KCL's daemon with its launcher and an
// archive of its classes, and, with --dynamodb-local, the DynamoDB of the tests. Done before, it does nothing.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './node24.mjs'

const cache = join(root, '.cache/kcl')

/** Fetches the daemon unless it is there. Throws when there is no Maven, or it cannot fetch. */
function fetchKclJars() {
  const sources = join(root, 'stream-service/kcl')
  makeOnce('daemon', sources, (folder) => {
    maven(join(sources, 'pom.xml'), folder)
    archiveClasses(join(folder, 'lib'), join(sources, 'classes.txt'))
  })
}

function fetchDynamoDbLocal() {
  const sources = join(root, 'test/kcl')
  makeOnce('dynamodb-local', join(sources, 'pom.xml'), (folder) => maven(join(sources, 'pom.xml'), folder))
}

/** Why the tests of the source `kcl` cannot run; undefined when all they need is there by now. */
export function whyNoKcl() {
  try {
    fetchKclJars()
    fetchDynamoDbLocal()
    return undefined
  } catch (error) {
    return error.message
  }
}

/**
 * Writes the classes of a daemon's life as they lie in memory, so that each start maps them instead of loading them: it is
 * what halves the start. The archive holds for this very JVM and these very jars at this very place; a JVM that it does not
 * fit leaves it alone. docs/kcl.md tells how the list is made.
 */
function archiveClasses(jars, list) {
  const archive = join(jars, 'classes.jsa')
  const options = [
    '-XX:+UseSerialGC',
    `-XX:SharedClassListFile=${list}`,
    `-XX:SharedArchiveFile=${archive}`,
    '-Xlog:disable',
  ]
  run('java', ['-Xshare:dump', ...options, '-cp', join(jars, '*')])
}

/** Builds into the folder where the result stays, since archives of classes know their jars by their paths. */
function makeOnce(name, sources, make) {
  const folder = join(cache, name)
  const marker = join(folder, 'made-from')
  const wanted = hashOf(sources)
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  process.stderr.write(`fetching ${name} for the KCL (once, about a minute) …\n`)
  const old = `${folder}.old-${process.pid}`
  if (existsSync(folder)) renameSync(folder, old)
  rmSync(old, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  make(folder)
  writeFileSync(marker, wanted)
}

function maven(pom, folder) {
  run('mvn', ['-q', '-B', '-f', pom, 'package', `-Dkcl.build=${folder}`])
}

function run(command, args) {
  try {
    execFileSync(command, args, { stdio: ['ignore', 2, 'inherit'] })
  } catch (error) {
    const found = error.code === 'ENOENT' ? 'there is no such program' : `it ended with ${error.status}`
    throw new Error(`${command} is needed for the KCL's jars: ${found}`, { cause: error })
  }
}

function hashOf(path) {
  const hash = createHash('sha256')
  const add = (file) => {
    if (statSync(file).isDirectory()) for (const name of readdirSync(file).sort()) add(join(file, name))
    else hash.update(readFileSync(file))
  }
  add(path)
  return hash.digest('hex')
}

if (import.meta.main) {
  fetchKclJars()
  if (process.argv.includes('--dynamodb-local')) fetchDynamoDbLocal()
  process.stdout.write(`${join(cache, 'daemon/lib')}\n`)
}
