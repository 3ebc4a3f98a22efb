// Whether a Docker engine answers, where the Docker CLI and testcontainers would look for it.
import { request } from 'node:http'

/** Undefined when an engine answers, otherwise why none does. */
export async function whyNoDocker(env = process.env) {
  const host = env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
  const where = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : { host: new URL(host).hostname, port: new URL(host).port }
  return await new Promise((resolve) => {
    const call = request({ ...where, path: '/_ping', timeout: 5_000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200 ? undefined : `${host} answers ${answer.statusCode}`)
    })
    call.on('timeout', () => call.destroy(new Error('no answer within 5 s')))
    call.on('error', (error) => resolve(`${host}: ${error.message}`))
    call.end()
  })
}
