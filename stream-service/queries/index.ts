// The queries that the service runs unless it is given a folder of others. They read what the capture functions put on the
// stream: CloudEvents whose `data` is the event as it was posted.
import type { QuerySpec } from '../src/queries/query-spec.ts'
import { checkoutHealth } from './checkout-health.ts'
import { pageViews } from './page-views.ts'
import { userSessions } from './user-sessions.ts'

export const deployedQueries: readonly QuerySpec[] = [pageViews, checkoutHealth, userSessions]
