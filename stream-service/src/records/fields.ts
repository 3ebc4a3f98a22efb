// Which fields of a record anyone wants. Queries ask a FieldPlan for slots while they are compiled; a decoder fills one
// array of values in slot order per record, and everything after it reads slots, never names. Several queries over one
// stream share one plan and so one decode.

export class FieldPlan {
  readonly #slots = new Map<string, number>()
  readonly #paths: string[][] = []
  /** Set when somebody needs the whole parsed record, such as a `where` function; it costs a full parse. */
  #wholeRecord = false

  /** The slot of a field path such as `page` or `data.page`; the same path has one slot. */
  slotOf(path: string): number {
    const known = this.#slots.get(path)
    if (known !== undefined) return known
    const slot = this.#paths.length
    this.#slots.set(path, slot)
    this.#paths.push(path.split('.'))
    return slot
  }

  requireWholeRecord(): void {
    this.#wholeRecord = true
  }

  get needsWholeRecord(): boolean {
    return this.#wholeRecord
  }

  /** Paths by slot, each split into its segments. */
  get paths(): readonly (readonly string[])[] {
    return this.#paths
  }
}

/** A record's values in slot order. Undefined where the record lacks the field; any JSON value otherwise. */
export interface Fields {
  readonly values: unknown[]
  /** The whole record, only where the plan requires it. */
  record: unknown
}
