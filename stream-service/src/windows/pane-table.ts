// The panes of one window, one row per key. Row numbers are given in the order in which keys first appear, which is also
// the order in which panes come out. All numbers of all rows lie in one array, so a pane costs its cells and 12 to 20 bytes.
//
//   keys    row -> key
//   index   pairs: key + 1, row      (open addressing, at most half full)
//
// A large table that has a good part of all keys there are finds rows in a list by key instead, which takes less memory:
//
//   list    key -> row + 1
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'

const leastRows = 8
/** Smaller tables have an index in any case. */
const leastListedRows = 512
/** As many places for each row as an index takes. */
const placesPerRow = 4

export class PaneTable implements Rows {
  readonly layout: RowLayout
  cells: Float64Array
  refs: unknown[] = []
  /** The number of rows, and their keys. */
  size = 0
  keys: Int32Array
  #index: Int32Array
  #shift: number
  /** Empty in a table that has an index, which is empty in one that has a list. */
  #list: Int32Array = none

  /** `capacity`: how many rows to make room for at first. */
  constructor(layout: RowLayout, capacity = leastRows) {
    const rows = 2 ** Math.ceil(Math.log2(Math.max(capacity, leastRows)))
    this.layout = layout
    this.cells = new Float64Array(rows * layout.cellStride)
    this.keys = new Int32Array(rows)
    this.#index = new Int32Array(4 * rows)
    this.#shift = shiftOf(this.#index)
  }

  /** The row of a key; -1 when it has none. */
  find(key: number): number {
    const list = this.#list
    if (list !== none) return key < list.length ? list[key]! - 1 : -1
    const index = this.#index
    const mask = (index.length - 1) | 0
    for (let slot = home(key, this.#shift); ; slot = (slot + 2) & mask) {
      const taken = index[slot]! | 0
      if (taken === key + 1) return index[slot + 1]!
      if (taken === 0) return -1
    }
  }

  /** The row of a key, made empty when the key is new. */
  rowOf(key: number): number {
    const row = this.find(key)
    return row >= 0 ? row : this.#newRow(key)
  }

  /** The rows of the keys `keys[rows[i]]`, as `rowOf` gives them. */
  rowsOf(keys: Int32Array, rows: Int32Array, count: number, into: Int32Array): void {
    for (let i = 0; i < count; i++) into[i] = this.rowOf(keys[rows[i]!]!)
  }

  #newRow(key: number): number {
    const row = this.size++
    if (row === this.keys.length) this.#grow()
    this.keys[row] = key
    if (!this.#link(key, row)) this.#linkAll(row + 1)
    this.layout.reserve(this, row + 1)
    this.layout.init(this, row)
    return row
  }

  /** Makes a row to be found by its key. False where the list is too short for it. */
  #link(key: number, row: number): boolean {
    const list = this.#list
    if (list !== none) {
      if (key >= list.length) return false
      list[key] = row + 1
      return true
    }
    const index = this.#index
    const mask = index.length - 1
    let slot = home(key, this.#shift)
    while (index[slot] !== 0) slot = (slot + 2) & mask
    index[slot] = key + 1
    index[slot + 1] = row
    return true
  }

  #grow(): void {
    const keys = new Int32Array(2 * this.keys.length)
    keys.set(this.keys)
    this.keys = keys
    this.#linkAll(this.size - 1)
  }

  /** Makes the first rows to be found, in whichever way fits the table as it is now. */
  #linkAll(rows: number): void {
    const { keys } = this
    const room = keys.length
    let greatest = 0
    for (let row = 0; row < rows; row++) if (keys[row]! > greatest) greatest = keys[row]!
    if (room >= leastListedRows && greatest < placesPerRow * room) {
      this.#list = new Int32Array(Math.min(placesPerRow * room, 2 * Math.max(greatest + 1, room)))
      this.#index = none
    } else {
      this.#list = none
      this.#index = new Int32Array(4 * room)
      this.#shift = shiftOf(this.#index)
    }
    for (let row = 0; row < rows; row++) this.#link(keys[row]!, row)
  }

  /** Most of its room is for rows that it does not have. */
  get isSparse(): boolean {
    return this.keys.length > 256 && this.keys.length > 16 * this.size
  }

  /** Forgets all rows, and keeps their room for others. */
  clear(): void {
    this.size = 0
    this.#index.fill(0)
    this.#list.fill(0)
    this.refs.length = 0
  }
}

const none = new Int32Array(0)

/** Adds all rows of a table to another one. */
export function mergeTable(into: PaneTable, from: PaneTable, layout: RowLayout): void {
  for (let row = 0; row < from.size; row++) mergeInto(into, from, from.keys[row]!, row, layout)
}

/** Adds the row of a key, if there is one, to another table. */
export function mergeRow(into: PaneTable, from: PaneTable, key: number, layout: RowLayout): void {
  const row = from.find(key)
  if (row >= 0) mergeInto(into, from, key, row, layout)
}

function mergeInto(into: PaneTable, from: PaneTable, key: number, row: number, layout: RowLayout): void {
  const before = into.size
  const own = into.rowOf(key)
  if (own === before) layout.copy(into, own, from, row)
  else layout.merge(into, own, from, row)
}

function shiftOf(index: Int32Array): number {
  return Math.clz32(index.length - 1)
}

/**
 * Where the search for a key begins. Eight keys with neighbouring numbers have neighbouring places, which is one cache line:
 * keys that were met first, and are mostly met most, have low numbers. The groups of eight are spread by Fibonacci hashing.
 */
function home(key: number, shift: number): number {
  return ((Math.imul(key >>> 3, 0x9e3779b1) >>> (shift + 4)) << 4) | ((key & 7) << 1)
}
