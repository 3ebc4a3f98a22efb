// What is being looked at right now: views and different visitors per page, every ten seconds.
import { count, defineQuery, distinct, tumbling } from '../src/queries/define-query.ts'

export const pageViews = defineQuery({
  name: 'page-views',
  where: { type: 'page_view' },
  time: { field: 'data.ts', unit: 'ms', outOfOrderness: '2s' },
  keyBy: ['data.page'],
  window: tumbling('10s'),
  aggregates: { views: count(), visitors: distinct('data.userId') },
})
