// A worker thread with a group of lanes.
import { parentPort, workerData } from 'node:worker_threads'
import { LaneGroup } from './lane-group.ts'
import type { LaneReply, LaneRequest, LaneThreadData } from './messages.ts'
import { transferList } from './packed-batch.ts'

const group = new LaneGroup(workerData as LaneThreadData)
parentPort!.on('message', (request: LaneRequest) => {
  const reply = answer(request)
  parentPort!.postMessage(reply, transfers(reply))
})

function answer(request: LaneRequest): LaneReply {
  const { id, shardId, kind } = request
  if (kind === 'take') {
    if (request.lanes !== undefined) group.adopt(shardId, request.lanes)
    return { id, kind: 'taken', taken: group.takePacked(shardId, request.batch), batch: request.batch }
  }
  const lanes = group.save(shardId)
  if (kind === 'recall') group.forget(shardId)
  return { id, kind: 'saved', lanes }
}

/** What is handed over: the batch, and the cells of what was given away. Nobody needs them here any more. */
function transfers(reply: LaneReply): ArrayBuffer[] {
  if (reply.kind !== 'taken') return []
  const list = transferList(reply.batch)
  for (const report of reply.taken.reports) {
    for (const event of report?.events ?? []) {
      if (event.kind === 'put') list.push(event.rows.cells.buffer as ArrayBuffer)
    }
  }
  return list
}
