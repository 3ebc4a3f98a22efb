// Builds and starts the contestants that run on the JVM. Their sources are in java/; Maven brings what they need, and the
// result is in .cache/bench/java-*.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheFolder, hashOf, makeOnce } from './cache.ts'
import { Unavailable } from './unavailable.ts'

const sources = [
  'java/pom.xml',
  ...readdirSync(join(import.meta.dirname, 'java/src/bench'))
    .sort()
    .map((name) => `java/src/bench/${name}`),
]
const folder = join(cacheFolder, `java-${hashOf(sources)}`)
const oldestJava = 17

/** What the engines reach into, as their manuals tell for Java 17. */
const opened = [
  'java.base/java.lang',
  'java.base/java.time',
  'java.base/java.util',
  'java.base/sun.nio.ch',
  'java.management/sun.management',
  'jdk.management/com.sun.management.internal',
]
/** The serial collector costs these jobs the least CPU time. */
const flags = [
  '-Xmx2g',
  '-XX:+UseSerialGC',
  '--add-modules=java.se',
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  ...opened.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
]

export function javaCommand(main: string): string[] {
  return ['java', ...flags, '-cp', [join(folder, 'classes'), join(folder, 'lib', '*')].join(delimiter), `bench.${main}`]
}

export async function buildJava(): Promise<void> {
  const java = outputOf('java', '-version')
  if (java === undefined) throw new Unavailable(`there is no java; Java ${oldestJava} or newer is needed`)
  const major = Number(/version "(\d+)/.exec(java)?.[1])
  if (!(major >= oldestJava)) throw new Unavailable(`java is version ${major}; ${oldestJava} or newer is needed`)
  if (outputOf('javac', '-version') === undefined) throw new Unavailable('there is no javac; a JDK is needed')
  if (outputOf('mvn', '-v') === undefined) throw new Unavailable('there is no mvn; Maven is needed')
  await makeOnce(folder, (temporary) => {
    process.stderr.write('building the Java contestants (once, about a minute) …\n')
    mkdirSync(temporary)
    const pom = join(import.meta.dirname, 'java/pom.xml')
    const maven = ['-q', '-B', '-f', pom, 'compile', `-Dbench.build=${temporary}`]
    try {
      execFileSync('mvn', maven, { stdio: ['ignore', 2, 'inherit'] })
    } catch (error) {
      throw new Unavailable(`Maven could not build it: ${(error as Error).message.split('\n')[0]}`)
    }
  })
}

/** What a program prints, or undefined when it is not there. `java -version` writes to standard error. */
function outputOf(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}
