// What was found in a record, by slot: arrays that the other side reads as a `Fields`.
// They and everything else about a plan lie one behind the other in memory, and stay where they are.

export let kinds: usize = 0
export let numbers: usize = 0
export let starts: usize = 0
export let lengths: usize = 0
export let hashes: usize = 0

let kindsBytes: usize = 0

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

export function allocateValues(slots: usize): void {
  kindsBytes = (slots + 15) & ~15
  kinds = allocate(kindsBytes)
  numbers = allocate(slots << 3)
  starts = allocate(slots << 2)
  lengths = allocate(slots << 2)
  hashes = allocate(slots << 2)
}

@inline
export function forgetValues(): void {
  for (let at: usize = 0; at < kindsBytes; at += 16) v128.store(kinds + at, i8x16.splat(0))
}

@inline
export function setKind(slot: usize, kind: u8): void {
  store<u8>(kinds + slot, kind)
}

@inline
export function setNumber(slot: usize, value: f64): void {
  store<u8>(kinds + slot, isNumber)
  store<f64>(numbers + (slot << 3), value)
}

@inline
export function setText(slot: usize, start: usize, length: usize, hash: i32): void {
  store<u8>(kinds + slot, isText)
  store<u32>(starts + (slot << 2), start)
  store<u32>(lengths + (slot << 2), length)
  store<i32>(hashes + (slot << 2), hash)
}
