// Checks a query in its JSON form, or as `defineQuery` passes it on (which may hold functions), and tells all its faults
// together. Nothing unknown is let through: a misspelled option must not silently mean its default.
import { type AggregateSpec, aggregateNames } from '../aggregates/registry.ts'
import { parseDuration } from '../time/duration.ts'
import { type TimeUnit, timeUnits } from '../time/event-time.ts'
import type { WindowSpec } from '../windows/window-spec.ts'
import { type Fault, Faults, nearest, type ObjectReader, show } from './faults.ts'
import { type AnyCustomAggregate, defaults, type PublishSpec, type QuerySpec, type TimeSpec } from './query-spec.ts'
import type { Comparison, Condition, Scalar } from './where.ts'

/** A query that cannot be run, with every fault and its path. */
export class QueryError extends Error {
  readonly code = 'INVALID_QUERY'
  readonly faults: readonly Fault[]

  constructor(source: string, faults: readonly Fault[]) {
    super(
      [
        `${source} is no valid query:`,
        ...faults.map(({ path, message }) => (path === '' ? `  ${message}` : `  ${path}: ${message}`)),
      ].join('\n'),
    )
    this.name = 'QueryError'
    this.faults = faults
  }

  /** The faults of several queries as one error. */
  static all(errors: readonly QueryError[]): QueryError {
    const [first] = errors
    if (errors.length === 1 && first !== undefined) return first
    const all = new QueryError(
      '',
      errors.flatMap(({ faults }) => faults),
    )
    all.message = errors.map(({ message }) => message).join('\n')
    return all
  }
}

/**
 * The checked query. `source` says where it came from, for messages.
 * @throws QueryError with all faults.
 */
export function parseQuery(value: unknown, source: string): QuerySpec {
  const faults = new Faults()
  const query = faults.object(value, '')
  if (query === undefined) throw new QueryError(source, faults.list)
  const name = query.required('name', 'a name such as "page-views"', nonEmptyText)
  const where = query.get('where')
  const condition =
    where === undefined || typeof where === 'function'
      ? (where as QuerySpec['where'])
      : parseCondition(where, 'where', faults)
  const time = parseTime(query.get('time'), faults)
  const keyBy = query.optional('keyBy', 'a list of different field names', fieldList) ?? []
  const window = parseWindow(query.get('window'), faults)
  const allowedLatenessMs = query.optional('allowedLateness', durationText, durationFrom(0))
  const earlyMs = query.optional('early', positiveDurationText, positiveDuration)
  const publish = parsePublish(query.get('publish'), keyBy, faults)
  const aggregates = parseAggregates(query.get('aggregates'), faults)
  query.refuseOthers()
  if (faults.list.length > 0) throw new QueryError(source, faults.list)
  return {
    name: name!,
    where: condition,
    time: time!,
    keyBy,
    window: window!,
    allowedLatenessMs: allowedLatenessMs ?? defaults.allowedLatenessMs,
    earlyMs,
    publish,
    aggregates: aggregates!,
  }
}

const durationText = 'a duration such as "5s" or "1m"'
const positiveDurationText = 'a duration above 0 such as "10s" or "1m"'

function durationFrom(least: number): (value: unknown) => number | undefined {
  return (value) => {
    const ms = parseDuration(value)
    return ms !== undefined && ms >= least ? ms : undefined
  }
}

const positiveDuration = durationFrom(1)

function nonEmptyText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function fieldList(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || new Set(value).size !== value.length) return undefined
  return value.every((field) => nonEmptyText(field) !== undefined) ? (value as string[]) : undefined
}

function oneOf<Name extends string>(names: readonly Name[]): (value: unknown) => Name | undefined {
  return (value) => names.find((name) => name === value)
}

function parseTime(value: unknown, faults: Faults): TimeSpec | undefined {
  if (value === undefined) {
    return faults.add(
      'time',
      'is missing; it must be an object such as {"field":"ts","unit":"ms"} or {"from":"arrival"}',
    )
  }
  const time = faults.object(value, 'time')
  if (time === undefined) return undefined
  const from = time.optional('from', '"arrival"', oneOf(['arrival'] as const))
  const field = from ? undefined : time.required('field', 'the name of the field with the event time', nonEmptyText)
  const unit = from ? undefined : parseTimeUnit(time, faults)
  if (from) {
    for (const name of ['field', 'unit']) {
      if (time.get(name) !== undefined) faults.add(time.pathOf(name), 'has no meaning beside "from": "arrival"')
    }
  }
  const options = {
    outOfOrdernessMs: time.optional('outOfOrderness', durationText, durationFrom(0)) ?? defaults.outOfOrdernessMs,
    idleAfterMs: time.optional('idleAfter', durationText, durationFrom(0)) ?? defaults.idleAfterMs,
    closeAfterMs: time.optional('closeAfter', durationText, durationFrom(0)),
    maxAheadMs: time.optional('maxAhead', durationText, durationFrom(0)) ?? defaults.maxAheadMs,
  }
  time.refuseOthers()
  if (from) return { from, ...options }
  return field === undefined || unit === undefined ? undefined : { from: 'field', field, unit, ...options }
}

function parseTimeUnit(time: ObjectReader, faults: Faults): TimeUnit | undefined {
  const name = time.get('unit')
  return oneOf(timeUnits)(name) ?? faults.add(time.pathOf('unit'), mustBeOneOf(timeUnits, name))
}

const windowTypes = ['tumbling', 'hopping', 'cumulative', 'session', 'count'] as const

function parseWindow(value: unknown, faults: Faults): WindowSpec | undefined {
  if (value === undefined) {
    return faults.add('window', 'is missing; it must be an object such as {"type":"tumbling","size":"1m"}')
  }
  const window = faults.object(value, 'window')
  if (window === undefined) return undefined
  const typeName = window.get('type')
  const type = oneOf(windowTypes)(typeName)
  if (type === undefined) {
    return faults.add('window.type', mustBeOneOf(windowTypes, typeName))
  }
  const spec = parseWindowOf(type, window, faults)
  window.refuseOthers()
  return spec
}

function parseWindowOf(
  type: (typeof windowTypes)[number],
  window: ObjectReader,
  faults: Faults,
): WindowSpec | undefined {
  const duration = (name: string) => window.required(name, positiveDurationText, positiveDuration)
  switch (type) {
    case 'session': {
      const gapMs = duration('gap')
      return gapMs === undefined ? undefined : { type, gapMs }
    }
    case 'count': {
      const size = window.required('size', 'a whole number of records above 0', (value) =>
        Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined,
      )
      return size === undefined ? undefined : { type, size }
    }
    case 'tumbling': {
      const sizeMs = duration('size')
      const offsetMs = parseOffset(window, sizeMs, faults)
      return sizeMs === undefined || offsetMs === undefined ? undefined : { type, sizeMs, offsetMs }
    }
    case 'hopping': {
      const sizeMs = duration('size')
      const everyMs = duration('every')
      const offsetMs = parseOffset(window, sizeMs, faults)
      if (sizeMs === undefined || everyMs === undefined || offsetMs === undefined) return undefined
      if (sizeMs / everyMs > windowsPerRecord) return faults.add('window.every', tooManyWindows(sizeMs, everyMs))
      return { type, sizeMs, everyMs, offsetMs }
    }
    case 'cumulative': {
      const sizeMs = duration('size')
      const stepMs = duration('step')
      const offsetMs = parseOffset(window, sizeMs, faults)
      if (sizeMs === undefined || stepMs === undefined || offsetMs === undefined) return undefined
      if (sizeMs / stepMs > windowsPerRecord) return faults.add('window.step', tooManyWindows(sizeMs, stepMs))
      if (sizeMs % stepMs !== 0) {
        return faults.add('window.size', `must be a multiple of window.step (${stepMs} ms), not ${sizeMs} ms`)
      }
      return { type, sizeMs, stepMs, offsetMs }
    }
  }
}

/** Each record goes into size / every windows; beyond this a query would drown in them. */
const windowsPerRecord = 10_000

function tooManyWindows(sizeMs: number, stepMs: number): string {
  return `makes ${Math.ceil(sizeMs / stepMs)} windows of each record, at most ${windowsPerRecord} are allowed; make it larger`
}

function parseOffset(window: ObjectReader, sizeMs: number | undefined, faults: Faults): number | undefined {
  const offsetMs = window.optional('offset', 'a duration, negative allowed, such as "-1h"', parseDuration)
  if (offsetMs === undefined) return window.get('offset') === undefined ? 0 : undefined
  if (sizeMs !== undefined && Math.abs(offsetMs) >= sizeMs) {
    return faults.add('window.offset', `must be smaller than window.size (${sizeMs} ms) either way, not ${offsetMs} ms`)
  }
  return offsetMs
}

function parsePublish(value: unknown, keyBy: readonly string[], faults: Faults): PublishSpec {
  const everything: PublishSpec = { firehose: true, metrics: undefined }
  const publish = value === undefined ? undefined : faults.object(value, 'publish')
  if (publish === undefined) return everything
  const firehose = publish.optional('firehose', 'true or false', flag) ?? true
  const metricsValue = publish.get('metrics')
  publish.refuseOthers()
  const metrics = metricsValue === undefined ? undefined : faults.object(metricsValue, 'publish.metrics')
  if (metrics === undefined) return { ...everything, firehose }
  const dimensions = metrics.optional('dimensions', 'a list of different field names', fieldList) ?? keyBy
  for (const dimension of dimensions) {
    if (!keyBy.includes(dimension)) {
      const near = nearest(dimension, keyBy)
      faults.add(
        'publish.metrics.dimensions',
        `'${dimension}' is not in keyBy${near === undefined ? '' : `; did you mean '${near}'?`}`,
      )
    }
  }
  const top = metrics.optional('top', 'a whole number from 1 to 1000', (number) =>
    Number.isInteger(number) && isBetween(number, 1, 1_000) ? (number as number) : undefined,
  )
  metrics.refuseOthers()
  return { firehose, metrics: { dimensions, top: top ?? defaults.metricsTop } }
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function parseAggregates(value: unknown, faults: Faults): QuerySpec['aggregates'] | undefined {
  if (value === undefined) {
    return faults.add('aggregates', 'is missing; it must be an object such as {"orders":{"fn":"count"}}')
  }
  const all = faults.object(value, 'aggregates')
  if (all === undefined) return undefined
  const aggregates = new Map<string, AggregateSpec | AnyCustomAggregate>()
  for (const name of all.names) {
    const aggregate = all.get(name)
    if (isCustom(aggregate)) {
      aggregates.set(name, aggregate)
      continue
    }
    const reader = faults.object(aggregate, all.pathOf(name))
    const spec = reader === undefined ? undefined : parseAggregate(reader, faults)
    if (spec !== undefined) aggregates.set(name, spec)
  }
  if (all.names.length === 0) faults.add('aggregates', 'is empty; a query needs at least one aggregate')
  return aggregates
}

function isCustom(value: unknown): value is AnyCustomAggregate {
  return typeof value === 'object' && value !== null && 'init' in value && typeof value.init === 'function'
}

function parseAggregate(reader: ObjectReader, faults: Faults): AggregateSpec | undefined {
  const fnName = reader.get('fn')
  const fn = oneOf(aggregateNames)(fnName) as AggregateSpec['fn'] | undefined
  if (fn === undefined) {
    return faults.add(reader.pathOf('fn'), mustBeOneOf(aggregateNames, fnName))
  }
  const fieldText = 'the name of a field'
  const field =
    fn === 'count'
      ? reader.optional('field', fieldText, nonEmptyText)
      : reader.required('field', fieldText, nonEmptyText)
  const spec = { fn, ...(field === undefined ? {} : { field }), ...parseParameters(fn, reader) } as AggregateSpec
  reader.refuseOthers()
  return spec
}

function parseParameters(fn: AggregateSpec['fn'], reader: ObjectReader): Record<string, unknown> {
  switch (fn) {
    case 'quantile':
      return {
        q: reader.required('q', 'a number from 0 to 1', (value) => (isBetween(value, 0, 1) ? value : undefined)),
      }
    case 'topK':
      return {
        k: reader.required('k', 'a whole number from 1 to 1000', (value) =>
          Number.isInteger(value) && isBetween(value, 1, 1_000) ? value : undefined,
        ),
      }
    case 'histogram':
      return { bounds: reader.required('bounds', 'a list of increasing numbers, at least one', increasingNumbers) }
    default:
      return {}
  }
}

function isBetween(value: unknown, least: number, greatest: number): boolean {
  return typeof value === 'number' && value >= least && value <= greatest
}

function increasingNumbers(value: unknown): number[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const increases = value.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > value[i - 1]))
  return increases ? (value as number[]) : undefined
}

function parseCondition(value: unknown, path: string, faults: Faults): Condition | undefined {
  const reader = faults.object(value, path)
  if (reader === undefined) return undefined
  const parts: [string, Condition[keyof Condition]][] = []
  for (const name of reader.names) {
    const wanted = reader.get(name)
    const partPath = reader.pathOf(name)
    if (name === 'and' || name === 'or' || name === 'not') {
      if (!Array.isArray(wanted)) faults.add(partPath, `must be a list of conditions, not ${show(wanted)}`)
      else parts.push([name, wanted.map((part, i) => parseCondition(part, `${partPath}[${i}]`, faults)!)])
    } else if (isScalar(wanted)) {
      parts.push([name, wanted])
    } else if (Array.isArray(wanted)) {
      faults.add(partPath, `must be a value or comparisons, not a list; write {"in": ${show(wanted)}}`)
    } else {
      parts.push([name, parseComparison(wanted, partPath, faults)])
    }
  }
  return Object.fromEntries(parts) as Condition
}

function parseComparison(value: unknown, path: string, faults: Faults): Comparison | undefined {
  const reader = faults.object(value, path)
  if (reader === undefined) return undefined
  const orderable = (operand: unknown) =>
    typeof operand === 'string' || Number.isFinite(operand) ? (operand as string | number) : undefined
  const comparison: Record<string, unknown> = {}
  for (const operator of ['lt', 'lte', 'gt', 'gte']) {
    comparison[operator] = reader.optional(operator, 'a number or a text', orderable)
  }
  const notEqual = reader.get('ne')
  if (notEqual !== undefined && !isScalar(notEqual))
    faults.add(reader.pathOf('ne'), `must be a text, number, boolean or null, not ${show(notEqual)}`)
  else comparison.ne = notEqual
  comparison.in = reader.optional('in', 'a list of texts, numbers, booleans or nulls', (list) =>
    Array.isArray(list) && list.every(isScalar) ? list : undefined,
  )
  comparison.exists = reader.optional('exists', 'true or false', flag)
  comparison.prefix = reader.optional('prefix', 'a text', (prefix) => (typeof prefix === 'string' ? prefix : undefined))
  if (reader.names.includes('eq')) {
    reader.get('eq')
    faults.add(reader.pathOf('eq'), 'is no comparison; for equality write the value itself, as in {"page": "/p/7"}')
  }
  reader.refuseOthers()
  if (reader.names.length === 0)
    faults.add(path, 'has no comparison; use one of ne, lt, lte, gt, gte, in, exists, prefix')
  return Object.fromEntries(Object.entries(comparison).filter(([, operand]) => operand !== undefined))
}

function mustBeOneOf(names: readonly string[], found: unknown): string {
  const list = names.join(', ')
  if (found === undefined) return `is missing; it must be one of ${list}`
  const near = typeof found === 'string' ? nearest(found, names) : undefined
  return `must be one of ${list}, not ${show(found)}${near === undefined ? '' : `; did you mean '${near}'?`}`
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}
