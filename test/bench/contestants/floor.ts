// The floor: JSON.parse of every line and nothing else, the same for every query. The output is empty.
import { writeFileSync } from 'node:fs'
import { forEachLine } from '../lines.ts'
import { contest } from './contest.ts'

await contest((_, input, output) => {
  let objects = 0
  const records = forEachLine(input, (line) => {
    if (typeof JSON.parse(line) === 'object') objects++
  })
  if (objects !== records) throw new Error(`${records - objects} lines hold no object`)
  writeFileSync(output, '')
  return records
})
