// Tables for the terminal: text to the left, numbers to the right, columns as wide as they need.

export interface TextTable {
  readonly headings: readonly string[]
  /** The columns with text, from 0. */
  readonly textColumns: readonly number[]
  readonly lines: readonly (readonly string[])[]
  /** An empty line stands before each line whose first cell is another one than before. */
  readonly isGrouped?: boolean
}

export function formatTable({ headings, textColumns, lines, isGrouped = false }: TextTable): string {
  const all = [headings, ...lines]
  const widths = headings.map((_, column) => Math.max(...all.map((line) => line[column]!.length)))
  const format = (line: readonly string[]) =>
    line
      .map((cell, i) => (textColumns.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return all
    .map((line, i) => (isGrouped && i > 1 && line[0] !== all[i - 1]![0] ? `\n${format(line)}` : format(line)))
    .join('\n')
}
