// Saved state has a meaning only under the query that made it.
import type { CompiledQuery } from '../queries/compiled-query.ts'

/** Saved state belongs to a query of another meaning; it must never be continued under the new one. */
export class QueryChangedError extends Error {
  readonly code = 'QUERY_CHANGED'

  constructor(query: string) {
    super(
      `query '${query}' has changed since its state was saved; give it a new name, or start with an empty state folder`,
    )
    this.name = 'QueryChangedError'
  }
}

/** @throws QueryChangedError when one of the queries meant something else when its state was saved. */
export function checkUnchanged(
  queries: readonly CompiledQuery[],
  saved: { readonly [query: string]: { readonly fingerprint: string } } = {},
): void {
  for (const { name, fingerprint } of queries) {
    const own = saved[name]
    if (own !== undefined && own.fingerprint !== fingerprint) throw new QueryChangedError(name)
  }
}
