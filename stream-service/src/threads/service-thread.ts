// A worker thread of the service.
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadData, ThreadRequest } from './messages.ts'
import { ThreadHost } from './thread-host.ts'

const host = new ThreadHost(workerData as ThreadData)
let answered = Promise.resolve()
parentPort!.on('message', (request: ThreadRequest) => {
  // What fails here ends the thread: nobody could go on with what it was doing.
  answered = answered.then(async () => {
    const { answers, transfer } = await host.answer(request)
    parentPort!.postMessage(answers, transfer)
  })
})
