// HyperLogLog registers (Flajolet, Fusy, Gandouet, Meunier 2007): a hash picks one of 16,384 registers by 14 of its bits,
// and the register keeps the longest run of zeros that the other 39 began with, plus one. The registers are a function of
// the set of hashes, so neither order nor repetition nor a split shows in them. The count is read off them by Ertl's
// improved raw estimator (O. Ertl 2017, "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6):
// nearly unbiased from one value to 2^50, without the tables and the change of method of older estimators. Its standard
// error is 1.04 / sqrt(16,384) = 0.8 %.

const registerBits = 14
const registerCount = 1 << registerBits
/** Bits of a hash that do not pick the register: 18 of its low word and 21 of its high one. */
const runBits = 53 - registerBits
const lowRunBits = 32 - registerBits

export function emptyRegisters(): Uint8Array {
  return new Uint8Array(registerCount)
}

/** Takes in one 53-bit hash. */
export function addHash(registers: Uint8Array, hash: number): void {
  const low = hash >>> 0
  const register = low & (registerCount - 1)
  const run = low >>> registerBits
  const rank =
    run !== 0
      ? Math.clz32(run) - registerBits + 1
      : lowRunBits + Math.clz32((hash - low) / 0x1_0000_0000) - (32 - (runBits - lowRunBits)) + 1
  if (rank > registers[register]!) registers[register] = rank
}

/** Makes `into` the registers of both sets together. */
export function mergeRegisters(into: Uint8Array, from: Uint8Array): void {
  for (let i = 0; i < registerCount; i++) if (from[i]! > into[i]!) into[i] = from[i]!
}

/** The estimated number of distinct hashes, not rounded. */
export function estimate(registers: Uint8Array): number {
  const withRank = new Float64Array(runBits + 2)
  for (let i = 0; i < registerCount; i++) withRank[registers[i]!]!++
  let z = registerCount * tau(1 - withRank[runBits + 1]! / registerCount)
  for (let rank = runBits; rank >= 1; rank--) z = 0.5 * (z + withRank[rank]!)
  z += registerCount * sigma(withRank[0]! / registerCount)
  return (registerCount * registerCount) / (2 * Math.LN2 * z)
}

/** Ertl's correction for registers that are still zero; infinite when all are. */
function sigma(zeroShare: number): number {
  if (zeroShare === 1) return Number.POSITIVE_INFINITY
  let x = zeroShare
  let y = 1
  let z = x
  for (let before = Number.NaN; z !== before; ) {
    x *= x
    before = z
    z += x * y
    y += y
  }
  return z
}

/** Ertl's correction for registers that can grow no more. */
function tau(openShare: number): number {
  if (openShare === 0 || openShare === 1) return 0
  let x = openShare
  let y = 1
  let z = 1 - x
  for (let before = Number.NaN; z !== before; ) {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) ** 2 * y
  }
  return z / 3
}

const base64Digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1')
const base64Values = new Uint8Array(128)
for (let value = 0; value < 64; value++) base64Values[base64Digits[value]!] = value

/** The registers as text: one base64 digit each, since no rank is above 40. */
export function encodeRegisters(registers: Uint8Array): string {
  const digits = Buffer.alloc(registerCount)
  for (let i = 0; i < registerCount; i++) digits[i] = base64Digits[registers[i]!]!
  return digits.toString('latin1')
}

export function decodeRegisters(encoded: string): Uint8Array {
  const registers = emptyRegisters()
  for (let i = 0; i < registerCount; i++) registers[i] = base64Values[encoded.charCodeAt(i)]!
  return registers
}
