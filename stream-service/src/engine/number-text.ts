// Numbers as JSON has them, written as bytes: the same text as JavaScript's own, without making a string for whole numbers
// and short decimals.

const zero = 0x30
const minus = 0x2d
const point = 0x2e

/** No number is longer. */
export const maxNumberBytes = 26

/** Whole numbers from here on may need more digits than a double holds exactly when they are shifted. */
const exactBelow = 1e15

/** Writes a finite number at `at` and returns where its text ends. At least `maxNumberBytes` must be free there. */
export function writeNumber(bytes: Buffer, at: number, value: number): number {
  const small = value | 0
  if (small === value)
    return small < 0 ? writeWhole(bytes, writeMinus(bytes, at), -value) : writeDigits(bytes, at, small)
  const magnitude = Math.abs(value)
  if (magnitude < exactBelow) {
    if (Number.isInteger(value)) return writeWhole(bytes, value < 0 ? writeMinus(bytes, at) : at, magnitude)
    // A decimal of at most 15 digits is the shortest text of the double next to it, which division finds again.
    const thousandths = Math.round(magnitude * 1_000)
    if (thousandths < exactBelow && thousandths / 1_000 === magnitude)
      return writeDecimal(bytes, value < 0 ? writeMinus(bytes, at) : at, thousandths)
  }
  return at + bytes.write(`${value}`, at, 'latin1')
}

function writeMinus(bytes: Buffer, at: number): number {
  bytes[at] = minus
  return at + 1
}

/** Writes so many thousandths, not all of them whole, without zeros at the end. */
function writeDecimal(bytes: Buffer, at: number, thousandths: number): number {
  const whole = Math.floor(thousandths / 1_000)
  const rest = thousandths - whole * 1_000
  const end = writeWhole(bytes, at, whole)
  const tenths = (rest / 100) | 0
  const hundredths = ((rest / 10) | 0) - 10 * tenths
  const last = rest - 100 * tenths - 10 * hundredths
  bytes[end] = point
  bytes[end + 1] = zero + tenths
  if (hundredths === 0 && last === 0) return end + 2
  bytes[end + 2] = zero + hundredths
  if (last === 0) return end + 3
  bytes[end + 3] = zero + last
  return end + 4
}

/** Writes a whole number from 0 to below 10^15. */
function writeWhole(bytes: Buffer, at: number, value: number): number {
  if (value < 1e9) return writeDigits(bytes, at, value | 0)
  const above = Math.floor(value / 1e8)
  const end = writeDigits(bytes, at, above) + 8
  let rest = (value - above * 1e8) | 0
  for (let to = end - 1; to >= end - 8; to--) {
    const next = (rest / 10) | 0
    bytes[to] = zero + rest - 10 * next
    rest = next
  }
  return end
}

/** Writes a whole number from 0 to below 2^31. */
function writeDigits(bytes: Buffer, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = zero + value
    return at + 1
  }
  let end = at + 2
  for (let above = 100; end < at + 10 && above <= value; above *= 10) end++
  let rest = value
  for (let to = end - 1; to >= at; to--) {
    const next = (rest / 10) | 0
    bytes[to] = zero + rest - 10 * next
    rest = next
  }
  return end
}
