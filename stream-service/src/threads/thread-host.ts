// What a thread does: it has lanes of some shards and merges of some partitions, and does with them what it is asked.
import { type Emission, PanesEmission } from '../engine/emission.ts'
import { KeyPartitions } from '../engine/key-partitions.ts'
import { LaneKits } from '../engine/lane-kits.ts'
import type { LaneMessage } from '../engine/partials.ts'
import { compileQuery } from '../queries/compile.ts'
import { FieldPlan } from '../records/fields.ts'
import { type LaneReader, OwnLaneReaders } from '../tasks/lane-reader.ts'
import { type MergeRunner, type MergeStep, OwnMergeRunners } from '../tasks/merge-runner.ts'
import type { CallName, ThreadCalls, ThreadData, ThreadRequest } from './messages.ts'
import { memoryOf, unpackBatch } from './packed-batch.ts'

/** An answer, and the memory that is handed over with it. */
export interface ThreadAnswer<Name extends CallName = CallName> {
  readonly answers: ThreadCalls[Name]['answers']
  readonly transfer: ArrayBuffer[]
}

export class ThreadHost {
  readonly #readers: OwnLaneReaders
  readonly #runners: OwnMergeRunners
  readonly #lanes = new Map<number, LaneReader>()
  readonly #merges = new Map<number, MergeRunner>()
  #mergeStep: MergeStep | undefined

  constructor({ queries, partitions }: ThreadData) {
    const plan = new FieldPlan()
    const compiled = queries.map((query) => compileQuery(query, plan))
    this.#readers = new OwnLaneReaders(new LaneKits(compiled, plan, new KeyPartitions(partitions)))
    this.#runners = new OwnMergeRunners(compiled)
  }

  async answer({ call, asks }: ThreadRequest): Promise<ThreadAnswer> {
    switch (call) {
      case 'openLanes':
        this.#lanes.set(asks.lanes, await this.#readers.open(asks.shardId, asks.saved, asks.starts))
        return nothing
      case 'stepLanes':
        return this.#stepLanes(asks)
      case 'saveLanes':
        return { answers: await this.#lanes.get(asks.lanes)!.save(), transfer: [] }
      case 'closeLanes':
        await this.#lanes.get(asks.lanes)!.close()
        this.#lanes.delete(asks.lanes)
        return nothing
      case 'openMerges': {
        const { merges, ...start } = asks
        const runner = this.#runners.open(start, (step) => {
          this.#mergeStep = step
        })
        this.#merges.set(merges, runner)
        return nothing
      }
      case 'stepMerges':
        this.#merges.get(asks.merges)!.step(asks.input)
        return mergeAnswer(this.#mergeStep!)
      case 'saveMerges': {
        let answers: ThreadCalls['saveMerges']['answers'] | undefined
        await this.#merges.get(asks.merges)!.save((saved, look) => {
          answers = { saved, look }
        })
        return { answers: answers!, transfer: [] }
      }
      case 'closeMerges':
        this.#merges.get(asks.merges)!.close()
        this.#merges.delete(asks.merges)
        return nothing
    }
  }

  async #stepLanes({ lanes, input, batch }: ThreadCalls['stepLanes']['asks']): Promise<ThreadAnswer<'stepLanes'>> {
    const reader = this.#lanes.get(lanes)!
    const began = performance.now()
    const isRecords = input.kind === 'records' && batch !== undefined
    const step = await reader.step(isRecords ? { ...input, records: unpackBatch(batch) } : input)
    const transfer = step.messages.flatMap(memoryOfMessage)
    if (batch !== undefined) transfer.push(...memoryOf(batch.memory))
    return { answers: { step, memory: batch?.memory, busyMs: performance.now() - began }, transfer }
  }
}

const nothing = { answers: undefined, transfer: [] }

/** Nobody needs here any more what was given; each array of it has its memory for itself. */
function memoryOfMessage({ runs, opens }: LaneMessage): ArrayBuffer[] {
  const memory: ArrayBufferLike[] = []
  for (const run of runs) {
    if (!('rows' in run)) continue
    memory.push(run.rows.keys.buffer, run.rows.cells.buffer)
    if (run.kind === 'session') memory.push(run.spans.buffer)
    if (run.kind === 'count') memory.push(run.windows.buffer)
    if (run.kind === 'revise') memory.push(run.ends.buffer)
  }
  if (opens !== undefined) memory.push(opens.keys.buffer, opens.counts.buffer, opens.starts.buffer)
  return memory as ArrayBuffer[]
}

/** Lines lie in large pieces of memory, of which they may be a small part, and which are still being written. */
function mergeAnswer(step: MergeStep): ThreadAnswer<'stepMerges'> {
  const transfer: ArrayBuffer[] = []
  const emissions = step.emissions.map((emission): Emission => {
    if (emission.kind !== 'panes') return emission
    const bytes = Buffer.allocUnsafeSlow(emission.bytes.length)
    emission.bytes.copy(bytes)
    transfer.push(bytes.buffer)
    return new PanesEmission(emission.query, emission.settled, bytes, emission.count)
  })
  return { answers: { ...step, emissions }, transfer }
}
