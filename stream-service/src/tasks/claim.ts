// How a process takes over a state that another one may still be saving: it loads the newest snapshot and saves it once more, under
// a name of its own. From then on whoever held it before is refused when it saves.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { Snapshot, SnapshotStore } from '../state/snapshot-store.ts'

/** What was made of a snapshot and has not been claimed yet. */
export interface Unclaimed<Task> {
  readonly task: Task
  /** Saves it, with the name of its owner in the note. */
  claim(): Promise<void>
  /** The claim was refused. */
  giveUp(): Promise<void>
}

/** So many saves of who held it before may come between. */
const attempts = 6

/** Loads and claims the state of this name. @throws SnapshotConflictError when another process has claimed it at the same time. */
export async function claimed<Task>(
  store: SnapshotStore,
  name: string,
  open: (snapshot: Snapshot | undefined) => Promise<Unclaimed<Task>>,
): Promise<Task> {
  for (let attempt = 1; ; attempt++) {
    const snapshot = await store.load(name)
    const { task, claim, giveUp } = await open(snapshot)
    try {
      await claim()
      return task
    } catch (error) {
      await giveUp()
      if (!isConflict(error) || attempt === attempts) throw error
      // A save of who held it before was under way still. What somebody else has claimed since is not to be taken back.
      if (ownerOf((await store.note(name))?.note) !== ownerOf(snapshot?.note)) throw error
    }
  }
}

function ownerOf(note: JsonValue | undefined): string | undefined {
  return (note as { readonly owner?: string } | null | undefined)?.owner
}

export function isConflict(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'SNAPSHOT_CONFLICT'
}
