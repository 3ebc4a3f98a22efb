import { expect, test } from 'vitest'
import { Progress } from './progress.ts'

function aProgress(isTTY: boolean) {
  const written: string[] = []
  const clock = { now: 0 }
  const progress = new Progress({ isTTY, write: (text) => written.push(text) }, () => clock.now)
  return { progress, written, clock }
}

test('on a terminal one line is redrawn, ten times a second at most, and taken away in the end', () => {
  const { progress, written, clock } = aProgress(true)
  for (clock.now = 0; clock.now < 250; clock.now += 50) progress.show(() => `${clock.now} done`)
  progress.say('a message')
  progress.clear()
  expect(written).toEqual([
    '\r\x1b[K0 done',
    '\r\x1b[K100 done',
    '\r\x1b[K200 done',
    '\r\x1b[Ka message\n200 done',
    '\r\x1b[K',
  ])
})

test('elsewhere there is a line every few seconds, and no control characters', () => {
  const { progress, written, clock } = aProgress(false)
  for (clock.now = 0; clock.now <= 12_000; clock.now += 100) progress.show(() => `${clock.now} done`)
  progress.say('a message')
  progress.clear()
  expect(written).toEqual(['5000 done\n', '10000 done\n', 'a message\n'])
})
