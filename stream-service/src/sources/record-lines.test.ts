import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { InputError } from './input-file.ts'
import { type FileRecordsOptions, fileRecords } from './record-lines.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

async function read(content: string | Buffer, options: Partial<FileRecordsOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-record-lines-'))
  folders.push(folder)
  const file = join(folder, 'in')
  await writeFile(file, content)
  const refused: string[] = []
  const records: string[] = []
  const keys: string[] = []
  const onRefused: FileRecordsOptions['onRefused'] = ({ line, reason }) => refused.push(`${line} ${reason}`)
  for await (const { partitionKey, data } of fileRecords({ file, onRefused, ...options })) {
    records.push(Buffer.from(data).toString('latin1'))
    keys.push(partitionKey)
  }
  return { records, keys, refused }
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex')

test('every line is a record, as it is; a byte order mark, CRLF and blank lines are not', async () => {
  const { records } = await read('\ufeff{"b":1, "a":2}\r\n\n  \n[1]\n"x"')
  expect(records).toEqual(['{"b":1, "a":2}', '[1]', '"x"'])
})

test('gzip is told by its content, with several members too', async () => {
  const zipped = Buffer.concat([gzipSync('{"n":1}\n{"n":'), gzipSync('2}\n')])
  expect((await read(zipped)).records).toEqual(['{"n":1}', '{"n":2}'])
})

test('what is not JSON is refused with its line, and put when raw is asked for', async () => {
  const content = Buffer.from('{"n":1}\n{oops}\n"\xff"\n{"n":2}\n', 'latin1')
  const checked = await read(content)
  expect(checked.records).toEqual(['{"n":1}', '{"n":2}'])
  expect(checked.refused).toEqual([expect.stringMatching(/^2 not JSON: /), '3 not UTF-8'])
  const raw = await read(content, { raw: true })
  expect(raw.records).toEqual(['{"n":1}', '{oops}', '"\xff"', '{"n":2}'])
  expect(raw.refused).toEqual([])
})

test('the partition key is the value at a path, and a hash of the line where there is none', async () => {
  const lines = [
    '{"user":{"id":"u1"}}',
    '{"user":{"id":7}}',
    '{"user":{"id":true}}',
    '{"user":{}}',
    '{"user":null}',
    '{"user":{"id":""}}',
  ]
  const { keys } = await read(lines.join('\n'), { key: 'user.id' })
  expect(keys).toEqual(['u1', '7', 'true', md5('{"user":{}}'), md5('{"user":null}'), md5('{"user":{"id":""}}')])
  expect((await read('{"a":1}')).keys).toEqual([md5('{"a":1}')])
})

test('a key that is too long for Kinesis is hashed', async () => {
  const long = 'k'.repeat(257)
  expect((await read(JSON.stringify({ k: long }), { key: 'k' })).keys).toEqual([md5(long)])
})

test('a file that is not there is an error that names it', async () => {
  await expect(fileRecords({ file: 'nowhere.ndjson', onRefused: () => {} }).next()).rejects.toThrow(InputError)
})
