// Under which names a service saves what.

/** What all tasks of a service have in common. */
export const serviceName = 'service'

export const laneName = (shardId: string) => `lane/${shardId}`

/** The shard of a lane's snapshot; undefined for the name of something else. */
export function shardOfName(name: string): string | undefined {
  return name.startsWith('lane/') ? name.slice('lane/'.length) : undefined
}

export const mergeName = (partition: number) => `merge/${partition}`

/** The partition of a merge's snapshot; undefined for the name of something else. */
export function partitionOfName(name: string): number | undefined {
  return name.startsWith('merge/') ? Number(name.slice('merge/'.length)) : undefined
}
