// Arrays of numbers that stay as small as they can. An array that was pushed to gets room for 17 from V8, 136 bytes, and
// most panes hold a handful of values: so the first few make a new array each time, exactly as long as needed, and later
// ones push. (A Float64Array costs 230 bytes before it holds anything.)

const exactlySized = 8

/** The array with `value` put in at index `at`: the same array, changed, or a new one in its place. */
export function inserted(numbers: number[], at: number, value: number): number[] {
  const { length } = numbers
  if (length >= exactlySized) {
    numbers.push(value)
    if (at === length) return numbers
    for (let i = length; i > at; i--) numbers[i] = numbers[i - 1]!
    numbers[at] = value
    return numbers
  }
  const grown = new Array<number>(length + 1)
  for (let i = 0; i < at; i++) grown[i] = numbers[i]!
  grown[at] = value
  for (let i = at; i < length; i++) grown[i + 1] = numbers[i]!
  return grown
}
