// Writes a workload as NDJSON: the same bytes for the same options, and the first records of a longer one are those of a
// shorter one.
//
//   node test/bench/generate.ts shop|nexmark|many-keys|one-key [--records 1000000] [--seed 1] [--output FILE|-]
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { parseArgs } from 'node:util'
import { manyKeys, oneKey } from './key-events.ts'
import { nexmarkEvents } from './nexmark-events.ts'
import { shopEvents } from './shop-events.ts'

/** Each is a function of the seed that gives the records in order, one line without its end a call. */
export const workloads = { shop: shopEvents, nexmark: nexmarkEvents, 'many-keys': manyKeys, 'one-key': oneKey } as const
export type Workload = keyof typeof workloads

const blockCharacters = 1 << 20

export async function writeWorkload(
  workload: Workload,
  options: { readonly records: number; readonly seed: number; readonly output: string },
): Promise<void> {
  const next = workloads[workload](options.seed)
  const output = options.output === '-' ? process.stdout : createWriteStream(options.output)
  const failed = once(output, 'error').then(([error]) => Promise.reject(error))
  // A failure is seen at the next wait; until then nobody listens.
  failed.catch(() => {})
  let block = ''
  for (let n = 0; n < options.records; n++) {
    block += `${next()}\n`
    if (block.length < blockCharacters) continue
    if (!output.write(block)) await Promise.race([once(output, 'drain'), failed])
    block = ''
  }
  output.write(block)
  if (output === process.stdout) return
  output.end()
  await Promise.race([once(output, 'close'), failed])
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      records: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      output: { type: 'string', default: '-' },
    },
  })
  const [workload] = positionals
  if (positionals.length !== 1 || !Object.hasOwn(workloads, workload!)) {
    throw new Error('usage: generate.ts shop|nexmark|many-keys|one-key [--records N] [--seed N] [--output FILE|-]')
  }
  await writeWorkload(workload as Workload, {
    records: Number(values.records),
    seed: Number(values.seed),
    output: values.output,
  })
}

if (import.meta.main) await main()
