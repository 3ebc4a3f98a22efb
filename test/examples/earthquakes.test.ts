// The example of the README on its real data, against sums made by hand.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const data = 'examples/earthquakes/earthquakes.ndjson.gz'

interface Quake {
  readonly properties: { readonly time: number; readonly mag: number; readonly net: string; readonly type: string }
}

interface Pane {
  readonly key: { readonly 'properties.net': string }
  readonly window: { readonly start: number; readonly end: number }
  readonly values: { readonly quakes: number; readonly strongest: number }
}

async function replay(query: string): Promise<Pane[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['stream-service/bin/millrace.js', 'replay', '--query', `examples/earthquakes/${query}`, '--input', data],
    { cwd: root },
  )
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Pane)
}

const quakes = gunzipSync(readFileSync(`${root}/${data}`))
  .toString()
  .trimEnd()
  .split('\n')
  .map((line) => (JSON.parse(line) as Quake).properties)
  .filter(({ type }) => type === 'earthquake')

test('earthquakes by network and day', async () => {
  const expected = new Map<string, { quakes: number; strongest: number }>()
  for (const { time, mag, net } of quakes) {
    const id = `${net} ${new Date(time).toISOString().slice(0, 10)}`
    const before = expected.get(id) ?? { quakes: 0, strongest: -10 }
    expected.set(id, { quakes: before.quakes + 1, strongest: Math.max(before.strongest, mag) })
  }
  const panes = await replay('strongest-by-day.json')
  const found = panes.map(({ key, window, values: { quakes: count, strongest } }) => [
    `${key['properties.net']} ${new Date(window.start).toISOString().slice(0, 10)}`,
    { quakes: count, strongest },
  ])
  expect(new Map(found as [string, { quakes: number; strongest: number }][])).toEqual(expected)
})

test('swarms are runs of earthquakes with at most twenty minutes between them', async () => {
  const expected: string[] = []
  const open = new Map<string, { start: number; last: number; quakes: number }>()
  const close = (net: string) => {
    const { start, last, quakes: count } = open.get(net)!
    expected.push(`${net} ${start} ${last + 1_200_000} ${count}`)
  }
  for (const { time, net } of quakes.filter(({ mag }) => mag >= 1)) {
    const swarm = open.get(net)
    if (swarm !== undefined && time - swarm.last <= 1_200_000) {
      swarm.last = time
      swarm.quakes++
    } else {
      if (swarm !== undefined) close(net)
      open.set(net, { start: time, last: time, quakes: 1 })
    }
  }
  for (const net of open.keys()) close(net)
  const panes = await replay('swarms.json')
  const found = panes.map(
    ({ key, window, values }) => `${key['properties.net']} ${window.start} ${window.end} ${values.quakes}`,
  )
  expect(found.sort()).toEqual(expected.sort())
})
