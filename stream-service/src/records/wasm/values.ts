// What was found in records, a row for each, by slot: arrays that the other side reads as a `Fields`.
// They and everything else about a plan lie one behind the other in memory, and stay where they are.

export let kinds: usize = 0
export let numbers: usize = 0
export let starts: usize = 0
export let lengths: usize = 0
export let hashes: usize = 0

/** The row that is being written, and where it begins in each of the arrays. */
export let row: i32 = 0
let rowKinds: usize = 0
let rowNumbers: usize = 0
let rowStarts: usize = 0
let rowLengths: usize = 0
let rowHashes: usize = 0

let slotCount: usize = 0

// As in `fields.ts`.
export const isNumber: u8 = 1
export const isText: u8 = 2
export const isNull: u8 = 4
export const isFalse: u8 = 5
export const isTrue: u8 = 6

let top: usize = (__heap_base + 15) & ~15

/** Takes memory that is clear. */
export function allocate(bytes: usize): usize {
  const at = top
  top = (at + bytes + 15) & ~15
  reach(top)
  return at
}

/** Makes the memory go up to `end` and some way on. */
export function reach(end: usize): void {
  const needed = (end + 0x1ffff) >>> 16
  if (<i32>needed > memory.size()) assert(memory.grow(<i32>needed - memory.size()) >= 0)
}

export function allocateValues(slots: usize, rows: usize): void {
  const size = slots * rows
  slotCount = slots
  // More than the last row has is cleared with it.
  kinds = allocate(size + 16)
  numbers = allocate(size << 3)
  starts = allocate(size << 2)
  lengths = allocate(size << 2)
  hashes = allocate(size << 2)
  moveTo(0)
}

/** What is found from now on goes into this row. Rows are written in ascending order: each clears some of the next. */
export function moveTo(to: i32): void {
  const first = <usize>to * slotCount
  row = to
  rowKinds = kinds + first
  rowNumbers = numbers + (first << 3)
  rowStarts = starts + (first << 2)
  rowLengths = lengths + (first << 2)
  rowHashes = hashes + (first << 2)
}

@inline
export function forgetValues(): void {
  for (let at: usize = 0; at < slotCount; at += 16) v128.store(rowKinds + at, i8x16.splat(0))
}

@inline
export function setKind(slot: usize, kind: u8): void {
  store<u8>(rowKinds + slot, kind)
}

@inline
export function setNumber(slot: usize, value: f64): void {
  store<u8>(rowKinds + slot, isNumber)
  store<f64>(rowNumbers + (slot << 3), value)
}

@inline
export function setText(slot: usize, start: usize, length: usize, hash: i32): void {
  store<u8>(rowKinds + slot, isText)
  store<u32>(rowStarts + (slot << 2), start)
  store<u32>(rowLengths + (slot << 2), length)
  store<i32>(rowHashes + (slot << 2), hash)
}
