// Sets the project up where that is needed, and runs a program on the project's own Node 24. Plain JavaScript without
// dependencies: it is what runs first on a fresh machine, on whatever Node is there.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const marker = `${root}node_modules/.millrace-installed`

/** Installs the dependencies of the lock file when they are missing or belong to another one. */
export async function install() {
  const wanted = createHash('sha256')
    .update(readFileSync(`${root}package-lock.json`))
    .digest('hex')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  if (isInstalledByHand()) return
  process.stderr.write('installing the dependencies (once, about a minute) …\n')
  const npm = process.env.npm_execpath
  const [command, ...before] = npm ? [process.execPath, npm] : ['npm']
  // `npm start` passes its own settings on; those of the install come from the project and the user.
  const code = await run(command, [...before, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdout: 2 })
  if (code !== 0) {
    process.stderr.write(`the dependencies could not be installed: npm ci ended with ${code}\n`)
    process.exit(1)
  }
  writeFileSync(marker, wanted)
}

/** Somebody ran `npm install` or `npm ci` after the lock file was last changed: npm keeps a lock file of what it installed. */
function isInstalledByHand() {
  const installed = `${root}node_modules/.package-lock.json`
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs
}

/** Runs a program of the project on Node 24 and answers with its exit code. */
export function runNode(args, options = {}) {
  return run(`${root}node_modules/node/bin/node`, args, options)
}

function run(command, args, { env = process.env, stdout = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['inherit', stdout, 'inherit'], env })
    // Ctrl-C reaches the child by itself, and it decides what that means; a SIGTERM reaches only this process.
    const ignore = () => {}
    const forward = () => child.kill('SIGTERM')
    process.on('SIGINT', ignore)
    process.on('SIGTERM', forward)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      process.off('SIGTERM', forward)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143))
    })
  })
}
