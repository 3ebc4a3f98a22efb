// Millrace as a user runs it: the process `millrace replay`, all of it counted, from the start of Node to its end. INPUT may
// be '-', standard input.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { queryFile } from '../queries.ts'
import type { ProcessUsage } from '../usage.ts'
import { countRecords } from './ledger.ts'

const reporter = new URL('report-usage.ts', import.meta.url).href
const millrace = fileURLToPath(new URL('../../../stream-service/bin/millrace.js', import.meta.url))

const [query, input, output] = process.argv.slice(2) as [string, string, string]
let usage: ProcessUsage | undefined
const records = await countRecords(async (ledger) => {
  const replay = [
    'replay',
    '--query',
    queryFile(query),
    '--input',
    input,
    '--output',
    output,
    '--ledger',
    ledger,
    '--quiet',
  ]
  const child = spawn(process.execPath, ['--import', reporter, millrace, ...replay], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  const [code, report] = await Promise.all([
    ended,
    text(child.stdio[3] as NodeJS.ReadableStream & AsyncIterable<Buffer>),
  ])
  if (code !== 0) throw new Error(`millrace replay ended with ${code}`)
  usage = JSON.parse(report)
})
process.stdout.write(`${JSON.stringify({ records, ...usage })}\n`)
