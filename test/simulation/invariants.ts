// What has to hold after every run, each by itself, with a message that says what is wrong and where.
import { imbalance } from '../../stream-service/src/engine/ledger.ts'
import { type OracleResult, oracle } from '../properties/oracle.ts'
import { aggregateNames } from './queries.ts'
import { closingKey, type World } from './world/world.ts'

type Values = Readonly<Record<string, unknown>>

interface Pane {
  readonly id: string
  readonly pane: { readonly index: number; readonly final: boolean }
  readonly values: Values
  readonly supersedes?: readonly string[]
}

export class BrokenInvariant extends Error {}

/** All faults of a run that has ended. */
export function brokenInvariants(world: World): string[] {
  return [
    ...world.faults,
    ...(world.hasIdleLanes ? recordsAreInPanesOnce(world) : panesAreTheOracles(world)),
    ...oneContentPerRevision(world),
    ...nothingAfterFinal(world),
    ...booksBalance(world),
    ...refusedAreDelivered(world),
  ]
}

/** Whether the run has come to where it has to be: all panes are there, and all records are in the books. */
export function isComplete(world: World): boolean {
  const panes = world.hasIdleLanes ? recordsAreInPanesOnce(world) : panesAreTheOracles(world)
  return panes.length === 0 && booksBalance(world).length === 0 && refusedAreDelivered(world).length === 0
}

/** Where timing may decide what is late: what was aggregated is in one pane each, of windows that do not overlap. */
function recordsAreInPanesOnce(world: World): string[] {
  const found = readersView(world)
  const faults: string[] = []
  for (const { spec, oracle: query } of world.queries) {
    if (query.window.type !== 'tumbling' && query.window.type !== 'session') continue
    let inPanes = 0
    for (const [id, values] of found) {
      if (id.startsWith(`${spec.name}/`)) inPanes += (JSON.parse(values) as { readonly records: number }).records
    }
    let aggregated = 0
    for (const ledgers of world.books.values()) aggregated += ledgers[spec.name]?.aggregated ?? 0
    // The panes of the records that close all windows are not there.
    aggregated -= world.stream.openShards.length
    if (inPanes !== aggregated)
      faults.push(`${inPanes} records are in panes of ${spec.name}; ${aggregated} were aggregated`)
  }
  return faults
}

/** Each record that was late is at the sink for refused records. */
function refusedAreDelivered({ refused, books, queries }: World): string[] {
  const ids = new Set(refused.map(({ id }) => id))
  return queries.flatMap(({ spec: { name } }) => {
    let late = 0
    for (const ledgers of books.values()) late += ledgers[name]?.late ?? 0
    const delivered = [...ids].filter((id) => id.startsWith(`late ${name} `)).length
    return delivered === late ? [] : [`${late} records were late for ${name}, but ${delivered} were delivered as such`]
  })
}

function panesAreTheOracles(world: World): string[] {
  const found = readersView(world)
  const faults: string[] = []
  for (const [id, values] of expectedPanes(world)) {
    const has = found.get(id)
    if (has === undefined) faults.push(`pane ${id} is missing; expected ${JSON.stringify(values)}`)
    else if (has !== JSON.stringify(values)) faults.push(`pane ${id} is ${has}; expected ${JSON.stringify(values)}`)
    found.delete(id)
  }
  for (const [id, values] of found) faults.push(`pane ${id} should not be there: ${values}`)
  return faults
}

/** What who keeps the highest revision of each id has in the end, without superseded ids. */
function readersView(world: World): Map<string, string> {
  const newest = new Map<string, Pane>()
  const superseded = new Set<string>()
  for (const pane of panesOf(world)) {
    for (const id of pane.supersedes ?? []) superseded.add(id)
    if (pane.pane.index >= (newest.get(pane.id)?.pane.index ?? 0)) newest.set(pane.id, pane)
  }
  const openCounts = unfinishedCounts(world)
  return new Map(
    [...newest]
      .filter(([id]) => !superseded.has(id) && !isClosing(id) && !openCounts.has(id))
      .map(([id, { values }]) => [id, JSON.stringify(values)]),
  )
}

/** Each line is parsed once in all the looks at a run. */
const parsed = new WeakMap<object, Pane>()

function* panesOf({ published }: World): Iterable<Pane> {
  for (const line of published) {
    let pane = parsed.get(line)
    if (pane === undefined) {
      pane = JSON.parse(line.text) as Pane
      parsed.set(line, pane)
    }
    yield pane
  }
}

const isClosing = (id: string) => id.includes(`/k=${closingKey}/`)

const expectations = new WeakMap<World, { readonly records: number; readonly results: readonly OracleResult[] }>()

/** By query, in the order of the world's. */
function expected(world: World): readonly OracleResult[] {
  const shards = [...world.stream.shards.values()]
  const count = shards.reduce((sum, { records }) => sum + records.length, 0) + 1e6 * world.gaps.length
  const known = expectations.get(world)
  if (known?.records === count) return known.results
  const parentsOf = new Map(shards.map(({ shardId, parentShardIds }) => [shardId, parentShardIds]))
  const results = world.queries.map((query) => {
    const records = shards.flatMap(({ shardId, records: own }) =>
      own
        .filter(({ sequence }) => !world.isInGap(shardId, sequence))
        .map(({ content }) => ({ shard: shardId, data: { ...content, ts: content[query.timeField] } })),
    )
    return oracle(query.oracle, records, parentsOf)
  })
  expectations.set(world, { records: count, results })
  return results
}

function expectedPanes(world: World): Map<string, Values> {
  const openCounts = unfinishedCounts(world)
  const panes = new Map<string, Values>()
  for (const result of expected(world)) {
    for (const [id, values] of result.panes) {
      if (isClosing(id) || openCounts.has(id)) continue
      panes.set(id, Object.fromEntries(aggregateNames.map((name) => [name, values[name]])))
    }
  }
  return panes
}

/** Count windows of open shards that are not full: nothing has to be said of them, but early panes may. */
function unfinishedCounts(world: World): Set<string> {
  const open = new Set(world.stream.openShards)
  const ids = new Set<string>()
  for (const [i, { oracle: query }] of world.queries.entries()) {
    if (query.window.type !== 'count') continue
    const { size } = query.window
    for (const [id, { records }] of expected(world)[i]!.panes) {
      const shardId = id.slice(id.lastIndexOf('/') + 1, id.lastIndexOf('#'))
      if (open.has(shardId) && records !== size) ids.add(id)
    }
  }
  return ids
}

function oneContentPerRevision(world: World): string[] {
  const contents = new Map<string, string>()
  const faults: string[] = []
  for (const [i, { id, pane }] of [...panesOf(world)].entries()) {
    const revision = `${id} ${pane.index}`
    const { text } = world.published[i]!
    const before = contents.get(revision)
    if (before !== undefined && before !== text) faults.push(`revision ${revision} is both\n    ${before}\n    ${text}`)
    contents.set(revision, text)
  }
  return faults
}

function nothingAfterFinal(world: World): string[] {
  const finals = new Map<string, number>()
  const faults: string[] = []
  for (const { id, pane } of panesOf(world)) {
    const final = finals.get(id)
    if (final !== undefined && pane.index > final)
      faults.push(`${id} has revision ${pane.index} after its final ${final}`)
    if (pane.final) finals.set(id, pane.index)
  }
  return faults
}

function booksBalance(world: World): string[] {
  const faults: string[] = []
  for (const [i, { spec, oracle: query }] of world.queries.entries()) {
    const lanes = [...world.books].flatMap(([shardId, byQuery]) => {
      const ledger = byQuery[spec.name]
      return ledger === undefined ? [] : [{ shardId, ledger }]
    })
    for (const { shardId, ledger } of lanes) {
      if (imbalance(ledger) !== 0)
        faults.push(`the books of ${query.name} in ${shardId} are out by ${imbalance(ledger)}`)
    }
    const expectation = expected(world)[i]!.ledger
    const accounts = world.hasIdleLanes
      ? (['read'] as const)
      : (Object.keys(expectation) as (keyof OracleResult['ledger'])[])
    for (const account of accounts) {
      const sum = lanes.reduce((all, { ledger }) => all + ledger[account], 0)
      if (sum !== expectation[account])
        faults.push(`${query.name} counts ${sum} records as ${account}; expected ${expectation[account]}`)
    }
  }
  return faults
}
