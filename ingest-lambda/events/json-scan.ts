// Where the values of a JSON text begin and end, how deep they nest, and where the text stops being JSON. It takes what
// JSON.parse takes and refuses the rest, but builds nothing: events go into the stream as they were written (numbers
// beyond 2^53 survive), a caller is told the position of a fault, and a million brackets cost no stack.

/** One value: `text.slice(start, end)`. A scalar has depth 0, `{}` and `[1]` have 1, `[[]]` has 2. */
interface JsonSlice {
  readonly start: number
  readonly end: number
  readonly depth: number
}

/** At `position` (UTF-16 units, from 0), `expected` should have stood. */
export interface JsonFault {
  readonly position: number
  readonly expected: string
}

export type DocumentScan =
  | { readonly status: 'array'; readonly elements: readonly JsonSlice[] }
  | { readonly status: 'single'; readonly value: JsonSlice }
  | { readonly status: 'too-many' }
  | { readonly status: 'fault'; readonly fault: JsonFault }

/**
 * Scans a text that holds one JSON value. Of an array its elements come back, in order, of anything else the value. An
 * array with more than `maxElements` is not read to its end.
 */
export function scanDocument(text: string, maxElements: number): DocumentScan {
  const scanner = new Scanner(text)
  scanner.skipSpace()
  if (text.charCodeAt(scanner.at) === openBracket) return scanArray(scanner, maxElements)
  const value = scanner.value()
  if (value === undefined || !scanner.atEnd()) return { status: 'fault', fault: scanner.fault() }
  return { status: 'single', value }
}

function scanArray(scanner: Scanner, maxElements: number): DocumentScan {
  const elements: JsonSlice[] = []
  scanner.take(openBracket, '"["')
  scanner.skipSpace()
  if (!scanner.takeIf(closeBracket)) {
    do {
      if (elements.length === maxElements) return { status: 'too-many' }
      const element = scanner.value()
      if (element === undefined) return { status: 'fault', fault: scanner.fault() }
      elements.push(element)
      scanner.skipSpace()
    } while (scanner.takeIf(comma))
    if (!scanner.take(closeBracket, '"," or "]"')) return { status: 'fault', fault: scanner.fault() }
  }
  return scanner.atEnd() ? { status: 'array', elements } : { status: 'fault', fault: scanner.fault() }
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBracket = 0x5b
const openBrace = 0x7b
// Each closing bracket stands two code points after the one that opens.
const closeBracket = openBracket + 2
const closeBrace = openBrace + 2

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const escapes = new Set(['"', '\\', '/', 'b', 'f', 'n', 'r', 't'])
const fourHexDigits = /[0-9a-fA-F]{4}/y

class Scanner {
  /** The position that is read next. */
  at = 0
  readonly #text: string
  #expected = 'a value'

  constructor(text: string) {
    this.#text = text
  }

  fault(): JsonFault {
    return { position: this.at, expected: this.#expected }
  }

  /** One value with the white space before it; undefined where there is none, and then `fault()` tells. */
  value(): JsonSlice | undefined {
    this.skipSpace()
    const start = this.at
    // What closes each container that is open, the innermost last.
    const closers: number[] = []
    let depth = 0
    for (;;) {
      const opener = this.#text.charCodeAt(this.at)
      if (opener === openBrace || opener === openBracket) {
        this.at++
        this.skipSpace()
        depth = Math.max(depth, closers.length + 1)
        if (!this.takeIf(opener + 2)) {
          closers.push(opener + 2)
          if (opener === openBrace && !this.#memberName()) return undefined
          this.skipSpace()
          continue
        }
      } else if (!this.#scalar()) return undefined

      // A value has ended: another follows it, or containers end with it.
      for (;;) {
        const closer = closers.at(-1)
        if (closer === undefined) return { start, end: this.at, depth }
        this.skipSpace()
        if (this.takeIf(comma)) {
          this.skipSpace()
          if (closer === closeBrace && !this.#memberName()) return undefined
          this.skipSpace()
          break
        }
        if (!this.take(closer, closer === closeBrace ? '"," or "}"' : '"," or "]"')) return undefined
        closers.pop()
      }
    }
  }

  skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.at++
    }
  }

  takeIf(code: number): boolean {
    if (this.#text.charCodeAt(this.at) !== code) return false
    this.at++
    return true
  }

  take(code: number, expected: string): boolean {
    return this.takeIf(code) || this.#refuse(expected)
  }

  atEnd(): boolean {
    this.skipSpace()
    return this.at === this.#text.length || this.#refuse('the end')
  }

  #memberName(): boolean {
    if (!this.take(quote, 'a name in double quotes') || !this.#restOfString()) return false
    this.skipSpace()
    return this.take(colon, '":"')
  }

  #scalar(): boolean {
    if (this.takeIf(quote)) return this.#restOfString()
    for (const literal of ['true', 'false', 'null']) {
      if (this.#text.startsWith(literal, this.at)) {
        this.at += literal.length
        return true
      }
    }
    return this.#match(number) || this.#refuse('a value')
  }

  #restOfString(): boolean {
    for (;;) {
      const code = this.#text.charCodeAt(this.at)
      if (code === quote) {
        this.at++
        return true
      }
      if (Number.isNaN(code)) return this.#refuse('the end of a string')
      if (code < 0x20) return this.#refuse('no control character in a string')
      this.at++
      if (code === backslash && !this.#escape()) return false
    }
  }

  #escape(): boolean {
    if (escapes.has(this.#text.charAt(this.at))) {
      this.at++
      return true
    }
    if (this.#text.charAt(this.at) !== 'u') return this.#refuse('an escape')
    this.at++
    return this.#match(fourHexDigits) || this.#refuse('four hexadecimal digits')
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    if (!pattern.test(this.#text)) return false
    this.at = pattern.lastIndex
    return true
  }

  #refuse(expected: string): false {
    this.#expected = expected
    return false
  }
}
