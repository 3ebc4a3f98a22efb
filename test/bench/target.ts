// What a figure should be at most, and whether it is. A missed target is told; it is no failure.

export interface Target {
  readonly name: string
  readonly value: number
  readonly most: number
  /** Exactly `most` misses it. */
  readonly isBelow?: boolean
  readonly unit: string
  readonly digits: number
}

export function isMet({ value, most, isBelow = false }: Target): boolean {
  return isBelow ? value < most : value <= most
}

export function describeTarget(target: Target): string {
  const { name, value, most, isBelow, unit, digits } = target
  const told = (number: number) => `${number.toFixed(digits)}${unit}`
  const limit = `${isBelow ? 'below' : 'at most'} ${told(most)}`
  return `${name}: ${told(value)}, target ${limit}: ${isMet(target) ? 'met' : 'MISSED'}`
}
