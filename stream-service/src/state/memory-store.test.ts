import { MemoryStore, type SnapshotShelf } from './memory-store.ts'
import { storeContract } from './store-contract.ts'

storeContract('memory', async () => {
  const shelf: SnapshotShelf = new Map()
  return {
    open: async (options) => new MemoryStore({ ...options, shelf }),
    damage: async (name, version, change) => {
      const versions = shelf.get(name)!
      versions.set(version, change(versions.get(version)!))
    },
    dispose: async () => {},
  }
})
