import { expectToHold } from './simulate.ts'
const put = (n:number, afterMs=700) => ({ does:'put' as const, afterMs, records: Array.from({length:n},(_,i)=>({key:'abc'[i%3]!, value:i+1, hashKey: (i*30011+afterMs*7)%65536, behindMs:(i*677)%2000 + (i%5===4?4000:0)})) })
const history = { seed: Number(process.argv[2]??1), shards:2, tasks:1, partitions:0, events: [put(4), put(5), put(3), put(6,3000), put(2), {does:'split' as const, which:0, afterMs:100}, put(5), put(4,4000), put(4)] }
const t=performance.now()
const world = await expectToHold(history, { keepsTrace: process.argv[3]==='t' }).catch(e => { console.log(e.message); process.exit(1)})
console.log(performance.now()-t, world.scheduler.happened, world.scheduler.traceHash, world.published.length)
if (process.argv[3]==='t') console.log(world.scheduler.trace.join('\n'))
