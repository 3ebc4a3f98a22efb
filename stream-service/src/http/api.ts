// The service's HTTP face: health for load balancers and people, and the ledger.
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { Ledger } from '../engine/ledger.ts'
import type { ServiceHealth } from '../service.ts'

export interface ServiceView {
  health(): ServiceHealth
  ledger(): Ledger
}

export function serviceApi(service: ServiceView): Hono {
  return new Hono()
    .use(secureHeaders())
    .get('/health', (context) => {
      const health = service.health()
      return context.json(health, health.status === 'ok' ? 200 : 503)
    })
    .get('/v1/ledger', (context) => context.json(service.ledger()))
    .notFound((context) => context.json({ error: 'not found; try /health or /v1/ledger' }, 404))
}
