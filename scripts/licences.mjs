// Which installed packages have a licence that an Apache-2.0 project may depend on, read from the lock file.
import { existsSync, readFileSync } from 'node:fs'
import { root } from './node24.mjs'

const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'MPL-2.0',
  'Python-2.0',
  'Unlicense',
])

/** One line per package whose licence is missing or not allowed. */
export function licenceFaults() {
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'))
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (path === '' || entry.link || !path.includes('node_modules/')) return []
    const licence = entry.license ?? licenceOf(path)
    // Optional packages of other platforms are not installed here; the lock file speaks for them.
    if (licence === undefined && !existsSync(`${root}${path}`)) return []
    const choices = String(licence)
      .replaceAll(/[()]/g, '')
      .split(/ OR | AND /)
    return choices.some((choice) => allowed.has(choice))
      ? []
      : [`${path}: licence ${licence ?? 'not stated'} is not on the list`]
  })
}

/** Older packages state their licence as `licenses` or only in package.json. */
function licenceOf(path) {
  try {
    const { license, licenses } = JSON.parse(readFileSync(`${root}${path}/package.json`, 'utf8'))
    return license?.type ?? license ?? licenses?.[0]?.type
  } catch {
    return undefined
  }
}
