// Records that were decoded together, a row each, and what queries want to know of them: event times, which rows a condition
// holds for, keys. Each is worked out once, column by column, however many queries ask, and so are windows filled: in short
// loops over arrays that lie in the cache (P. Boncz, M. Zukowski, N. Nes 2005, "MonetDB/X100: hyper-pipelining query
// execution", where such columns are called vectors).
import type { CompiledQuery, CompiledTime } from '../queries/compiled-query.ts'
import type { Fields } from '../records/fields.ts'
import type { StreamRecord } from '../records/record.ts'
import type { GroupKey } from '../windows/group-key.ts'

/** The records behind the rows. */
export interface RowRecords {
  /** Some of them may have an arrival time. */
  readonly haveArrivals: boolean
  /** The record of a row, until the next call. */
  recordOf(row: number): StreamRecord
}

/** What a query wants to know of the rows. */
export interface QueryColumns {
  readonly times: TimeColumn
  readonly picked: PickedRows
  readonly keys: KeyColumn
}

const noRecords: RowRecords = {
  haveArrivals: false,
  recordOf() {
    throw new RangeError('there are no rows')
  },
}

export class RecordRows {
  readonly fields: Fields
  /** How many rows there are now. */
  size = 0
  records: RowRecords = noRecords
  readonly #times = new Map<string, TimeColumn>()
  readonly #picked = new Map<string, PickedRows>()
  readonly #keys = new Map<GroupKey, KeyColumn>()
  readonly #columns = new Map<CompiledQuery, QueryColumns>()

  constructor(fields: Fields) {
    this.fields = fields
  }

  /** The fields have other rows now. */
  fill(size: number, records: RowRecords): void {
    this.size = size
    this.records = records
    for (const column of this.#times.values()) column.isFilled = false
    for (const column of this.#picked.values()) column.isFilled = false
    for (const column of this.#keys.values()) column.isCleared = false
  }

  /** The columns of a query, of the rows that there are now. */
  columnsOf(query: CompiledQuery, groupKey: GroupKey): QueryColumns {
    let columns = this.#columns.get(query)
    if (columns === undefined) {
      columns = this.#newColumns(query, groupKey)
      this.#columns.set(query, columns)
    }
    const { times, picked, keys } = columns
    if (!times.isFilled) times.fill(this)
    if (!picked.isFilled) picked.fill(this)
    keys.read(this, picked)
    return columns
  }

  #newColumns(query: CompiledQuery, groupKey: GroupKey): QueryColumns {
    const { time, maxAheadMs, where, whereText } = query
    const timeId = time.from === 'field' ? `${time.slot} ${time.unit} ${maxAheadMs}` : `arrival ${maxAheadMs}`
    return {
      times: sharedIn(this.#times, timeId, () => new TimeColumn(time, maxAheadMs, this.fields.rows)),
      picked: sharedIn(this.#picked, whereText, () => new PickedRows(where, this.fields.rows)),
      keys: sharedIn(this.#keys, groupKey, () => new KeyColumn(groupKey, this.fields.rows)),
    }
  }
}

function sharedIn<Id, Column>(columns: Map<Id, Column>, id: Id, make: () => Column): Column {
  const known = columns.get(id)
  if (known !== undefined) return known
  const column = make()
  columns.set(id, column)
  return column
}

/** The rows' event times. NaN where a record has none or is from the future: those have to be looked at one by one. */
export class TimeColumn {
  readonly values: Float64Array
  /** The latest of the times up to each row, and the row that had it first. */
  readonly latest: Float64Array
  readonly leaders: Int32Array
  /** The earliest of all. */
  earliest = Number.POSITIVE_INFINITY
  hasFaults = false
  isFilled = false
  readonly #time: CompiledTime
  readonly #maxAheadMs: number

  constructor(time: CompiledTime, maxAheadMs: number, rows: number) {
    this.#time = time
    this.#maxAheadMs = maxAheadMs
    this.values = new Float64Array(rows)
    this.latest = new Float64Array(rows)
    this.leaders = new Int32Array(rows)
  }

  fill({ fields, size, records }: RecordRows): void {
    const { values, latest, leaders } = this
    const time = this.#time
    for (let row = 0; row < size; row++) {
      fields.moveTo(row)
      values[row] =
        time.from === 'field' ? time.read(fields, time.slot) : (records.recordOf(row).arrivedAt ?? Number.NaN)
    }
    if (records.haveArrivals) this.#leaveOutFuture(size, records)
    let earliestSoFar = Number.POSITIVE_INFINITY
    let latestSoFar = Number.NEGATIVE_INFINITY
    let leader = -1
    let faults = 0
    for (let row = 0; row < size; row++) {
      const value = values[row]!
      if (value > latestSoFar) {
        latestSoFar = value
        leader = row
      }
      if (value < earliestSoFar) earliestSoFar = value
      if (Number.isNaN(value)) faults++
      latest[row] = latestSoFar
      leaders[row] = leader
    }
    this.earliest = earliestSoFar
    this.hasFaults = faults > 0
    this.isFilled = true
  }

  #leaveOutFuture(size: number, records: RowRecords): void {
    for (let row = 0; row < size; row++) {
      const { arrivedAt } = records.recordOf(row)
      if (arrivedAt !== undefined && this.values[row]! > arrivedAt + this.#maxAheadMs) this.values[row] = Number.NaN
    }
  }
}

/** The rows that a condition holds for, in order; all of them where there is none. */
export class PickedRows {
  readonly rows: Int32Array
  size = 0
  isFilled = false
  readonly #where: CompiledQuery['where']

  constructor(where: CompiledQuery['where'], rows: number) {
    this.#where = where
    this.rows = new Int32Array(rows).map((_, row) => row)
  }

  fill({ fields, size }: RecordRows): void {
    this.isFilled = true
    this.size = size
    const where = this.#where
    if (where === undefined) return
    for (let row = 0; row < size; row++) this.rows[row] = row
    this.size = where.keep(fields, this.rows, size)
  }
}

const unread = -2

/** The keys of those rows that somebody has picked; -1 where a record has none. */
export class KeyColumn {
  readonly numbers: Int32Array
  readonly #unread: Int32Array
  hasFaults = false
  isCleared = false
  #isComplete = false
  readonly #groupKey: GroupKey

  constructor(groupKey: GroupKey, rows: number) {
    this.#groupKey = groupKey
    this.numbers = new Int32Array(rows)
    this.#unread = new Int32Array(rows)
  }

  read({ fields, size: all }: RecordRows, { rows, size }: PickedRows): void {
    const { numbers } = this
    if (!this.isCleared) {
      this.isCleared = true
      this.#isComplete = size === all
      if (this.#isComplete) {
        this.hasFaults = !this.#groupKey.readRows(fields, rows, size, numbers)
        return
      }
      this.hasFaults = false
      numbers.fill(unread)
    }
    if (this.#isComplete) return
    let count = 0
    for (let i = 0; i < size; i++) {
      const row = rows[i]!
      if (numbers[row] === unread) this.#unread[count++] = row
    }
    if (count === 0) return
    if (!this.#groupKey.readRows(fields, this.#unread, count, numbers)) this.hasFaults = true
  }
}
