// Listens for HTTP and says plainly why it cannot.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { MillraceError } from '@millrace/shared/errors'
import type { Hono } from 'hono'

export interface HttpServer {
  readonly port: number
  /** Stops listening and ends open connections. */
  close(): Promise<void>
}

/** Rejects with a `MillraceError` `port-unusable` when the port is taken or not allowed. */
export async function listen(
  app: Hono,
  options: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch, hostname: options.host })
  server.listen(options.port, options.host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'something else listens there; choose another port' : message
    throw new MillraceError('port-unusable', `Cannot listen on ${options.host}:${options.port}: ${reason}.`, {
      cause: error,
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
    },
  }
}
