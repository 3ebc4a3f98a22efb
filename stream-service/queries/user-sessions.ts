// What people do in one visit: a session ends after thirty seconds without an event.
import { count, defineQuery, first, last, session } from '../src/queries/define-query.ts'

export const userSessions = defineQuery({
  name: 'user-sessions',
  time: { field: 'data.ts', unit: 'ms', outOfOrderness: '2s' },
  keyBy: ['data.userId'],
  window: session('30s'),
  aggregates: { events: count(), entry: first('data.page'), exit: last('data.page') },
})
