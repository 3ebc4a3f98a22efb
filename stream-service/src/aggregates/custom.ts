// An aggregate written by the user in TypeScript: any mergeable monoid over whole records. Its state is an object in a ref.
import type { Aggregator, JsonValue } from './aggregator.ts'

/**
 * A user's own aggregate. `add` and `merge` return the new state and may reuse the one they were given. For panes that do
 * not depend on shards and restarts, `merge` has to be associative with `init()` as its neutral element, and `add` must not
 * read clocks or chance. A record for which `add` throws is skipped and counted. `encode` gives JSON for snapshots; leave both out when the state is JSON already.
 */
export interface CustomAggregate<Event, State, Value extends JsonValue> {
  init(): State
  add(state: State, event: Event): State
  merge(state: State, other: State): State
  result(state: State): Value
  encode?(state: State): JsonValue
  decode?(encoded: JsonValue): State
}

export function customAggregator(custom: CustomAggregate<unknown, unknown, JsonValue>): Aggregator {
  const encode = custom.encode ?? ((state: unknown) => state as JsonValue)
  const decode = custom.decode ?? ((encoded: JsonValue) => encoded as unknown)
  return {
    cells: 0,
    refs: 1,
    init(rows, _cell, ref) {
      rows.refs[ref] = custom.init()
    },
    add(rows, _cell, ref, value) {
      try {
        rows.refs[ref] = custom.add(rows.refs[ref], value)
      } catch {
        // A record that the author did not think of is skipped by this aggregate and counted, as a wrong type is elsewhere.
        return false
      }
      return true
    },
    merge(into, _cell, ref, from, _fromCell, fromRef) {
      // `merge` may keep parts of its second argument; the copy leaves the other row its own.
      into.refs[ref] = custom.merge(into.refs[ref], decode(structuredClone(encode(from.refs[fromRef]))))
    },
    result(rows, _cell, ref) {
      return custom.result(rows.refs[ref])
    },
    encodeRef: encode,
    decodeRef: decode,
    copyRef: (state) => decode(structuredClone(encode(state))),
  }
}
