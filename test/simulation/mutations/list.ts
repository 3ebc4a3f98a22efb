// Faults that somebody could make, each as a change of the sources' text. The simulation has to find every one of them.
export interface Mutation {
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  readonly changes: readonly { readonly find: string; readonly replace: string }[]
}

const tasks = 'stream-service/src/tasks'
const engine = 'stream-service/src/engine'

export const mutations: readonly Mutation[] = [
  {
    name: 'the checkpoint goes before the snapshot',
    file: `${tasks}/lanes.ts`,
    changes: [
      {
        find: `const position = await task.save()
    if (position === null || position === 'SHARD_END') return`,
        replace: `const position = task.savedPosition
    if (position === null || position === 'SHARD_END') {
      await task.save()
      return
    }`,
      },
      { find: 'if (isLast) await checkpoint', replace: 'await checkpoint\n    await task.save()' },
    ],
  },
  {
    name: 'a lane does not claim its shard',
    file: `${tasks}/lane-task.ts`,
    changes: [
      { find: '    await this.save()\n  }\n\n  /** The shard was read', replace: '  }\n\n  /** The shard was read' },
    ],
  },
  {
    name: 'a lane saves over what others have saved',
    file: `${tasks}/lane-task.ts`,
    changes: [
      {
        find: `{ state: state as unknown as SnapshotValue, note: note as unknown as JsonValue },
        this.#version,`,
        replace: `{ state: state as unknown as SnapshotValue, note: note as unknown as JsonValue },
        (await store.note(laneName(shardId)))?.version ?? 0,`,
      },
    ],
  },
  {
    name: 'a merge saves over what others have saved',
    file: `${tasks}/merge-task.ts`,
    changes: [
      {
        find: 'store.save(mergeName(this.partition), contents!, this.#version)',
        replace:
          'store.save(mergeName(this.partition), contents!, (await this.#options.store.note(mergeName(this.partition)))?.version ?? 0)',
      },
    ],
  },
  {
    name: 'a merge does not claim its partition',
    file: `${tasks}/merge-task.ts`,
    changes: [{ find: 'claim: () => task.save(() => () => {})', replace: 'claim: async () => {}' }],
  },
  {
    name: 'a batch is taken behind one that was given up',
    file: `${tasks}/lanes.ts`,
    changes: [{ find: ' || this.#givenUp.has(session)', replace: '' }],
  },
  {
    name: 'children are not declared when their parent ends',
    file: `${tasks}/lanes.ts`,
    changes: [
      {
        find: 'await task.end(openShards().filter(({ parentShardIds }) => parentShardIds.includes(shardId)))',
        replace: 'await task.end([])',
      },
    ],
  },
  {
    name: "children do not go on from their parents' watermarks",
    file: `${tasks}/lanes.ts`,
    changes: [{ find: 'watermark: Math.min(...inherited)', replace: 'watermark: Number.NEGATIVE_INFINITY' }],
  },
  {
    name: 'the end of a shard is checkpointed before what it gave has arrived',
    file: `${tasks}/lanes.ts`,
    changes: [{ find: 'has to be where it belongs.\n    await task.drained()\n', replace: '\n' }],
  },
  {
    name: 'the end of a shard is checkpointed although the service stops',
    file: `${tasks}/lanes.ts`,
    changes: [{ find: '    if (stopping.aborted || !this.#holds(task)) return\n', replace: '' }],
  },
  {
    name: 'messages are dropped before the merge that has them is durable',
    file: `${tasks}/own-merge.ts`,
    changes: [
      {
        find: `    return () => {
      for (const [lane, upTo] of handedOut) lane.accepted(partition, upTo)
    }`,
        replace: `    for (const [lane, upTo] of handedOut) lane.accepted(partition, upTo)
    return () => {}`,
      },
    ],
  },
  {
    name: 'messages are dropped before the exchange has them',
    file: `${tasks}/exchange-link.ts`,
    changes: [
      {
        find: `      await exchange.put(partition, task.shardId, recordsOf(messages), signal)
      task.accepted(partition, upTo)`,
        replace: `      task.accepted(partition, upTo)
      await exchange.put(partition, task.shardId, recordsOf(messages), signal)`,
      },
    ],
  },
  {
    name: 'panes that may have other revisions go before the snapshot',
    file: `${tasks}/merge-task.ts`,
    changes: [{ find: 'emission.settled ? 0 : this.#captures + 1', replace: '0' }],
  },
  {
    name: 'panes that were not delivered are dropped at a start',
    file: `${tasks}/merge-task.ts`,
    changes: [
      { find: 'new LineOutbox(options.linesLimit, saved?.lines)', replace: 'new LineOutbox(options.linesLimit)' },
    ],
  },
  {
    name: 'messages that did not arrive are dropped at a start',
    file: `${tasks}/lane-task.ts`,
    changes: [
      {
        find: 'new MessageOutbox(options.partitions, saved?.messages)',
        replace: 'new MessageOutbox(options.partitions)',
      },
    ],
  },
  {
    name: 'what depends on the clock is told before it is durable',
    file: 'stream-service/src/state/message-outbox.ts',
    changes: [{ find: '      if (epoch > this.#durableEpoch) break\n', replace: '' }],
  },
  {
    name: 'a merge that is taken up is not told again what was lost',
    file: `${tasks}/own-merge.ts`,
    changes: [{ find: 'for (const lane of lanes.all) lane.messages.rewind(partition)', replace: '' }],
  },
  {
    name: 'records that are in the snapshot are taken again',
    file: `${engine}/shard-lanes.ts`,
    changes: [{ find: '    this.#skipUpTo = this.#position\n', replace: '' }],
  },
  {
    name: 'units are applied as often as they come',
    file: `${engine}/query-merger.ts`,
    changes: [{ find: 'const known = Math.max(0, view.next - unit)', replace: 'const known = 0' }],
  },
  {
    name: 'the merged watermark does not wait for lanes whose parents have not ended',
    file: `${engine}/query-merger.ts`,
    changes: [
      {
        find: "      lowest = Math.min(lowest, view.status === 'waiting' ? this.#inherited(view) : view.watermark)\n",
        replace: "      if (view.status === 'active') lowest = Math.min(lowest, view.watermark)\n",
      },
    ],
  },
  {
    name: 'a lane becomes idle without giving what it has open',
    file: `${engine}/shard-lanes.ts`,
    changes: [{ find: '    this.#giveUnfired()\n', replace: '' }],
  },
  {
    name: 'a lane that was idle goes on without asking where time is',
    file: `${tasks}/lanes.ts`,
    changes: [
      { find: 'await task.accept(batch, () => this.#wake(task))', replace: 'await task.accept(batch, async () => {})' },
    ],
  },
  {
    name: 'what a shard gave that was read to its end is not sent on after a start',
    file: `${tasks}/lanes.ts`,
    changes: [{ find: 'await this.#openEnded(shardId)', replace: '{}' }],
  },
  {
    name: 'what an idle lane holds is told to be open after a start',
    file: `${engine}/shard-lanes.ts`,
    changes: [{ find: " || this.lane.status === 'idle') return none", replace: ') return none' }],
  },
  {
    name: 'a child is read before its parents have ended',
    file: 'stream-service/src/sources/shard-lineage.ts',
    changes: [
      { find: "state === 'waiting' && parentShardIds.every((id) => this.#isDone(id))", replace: "state === 'waiting'" },
    ],
  },
  {
    name: 'records after a gap are delivered as if nothing was missing',
    file: 'stream-service/src/sources/shard-reader.ts',
    changes: [{ find: '      if (!isThere) this.#reportGap(first)\n', replace: '' }],
  },
]
