// Panes as CloudWatch metrics, in the Embedded Metric Format: JSON lines on standard output that CloudWatch Logs turns into
// metrics (Amazon CloudWatch, "Specification: Embedded metric format"). Best effort: metrics are for dashboards, and after a
// crash some come twice; the panes in S3 are what counts.
import type { PanesEmission } from '../engine/emission.ts'
import type { MetricsSpec } from '../queries/query-spec.ts'

const namespace = 'Millrace'
/** CloudWatch refuses older data points ("PutMetricData"). */
const oldestMs = 14 * 24 * 3_600_000
/** Per document, of CloudWatch. */
const metricsAtMost = 100

interface Pane {
  readonly query: string
  readonly key: Readonly<Record<string, unknown>>
  readonly window: { readonly end: number }
  readonly pane: { readonly index: number; readonly timing: string }
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * One line per on-time pane that is the first revision of its id: revisions would count twice in a sum. Of one firing only
 * the `top` panes with the greatest first aggregate, since every dimension value is a metric of its own and is paid for.
 */
export function metricLines(emission: PanesEmission, { dimensions, top }: MetricsSpec, now: number): string[] {
  const panes = emission.lines
    .map((line) => JSON.parse(line) as Pane)
    .filter(({ pane, window }) => pane.timing === 'on-time' && pane.index === 0 && window.end > now - oldestMs)
  if (panes.length > top) panes.sort((a, b) => rank(b) - rank(a))
  return panes.slice(0, top).flatMap((pane) => {
    const metrics = Object.entries(pane.values)
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
      .slice(0, metricsAtMost)
    if (metrics.length === 0) return []
    const document = {
      _aws: {
        Timestamp: pane.window.end - 1,
        CloudWatchMetrics: [
          {
            Namespace: namespace,
            Dimensions: [['query', ...dimensions]],
            Metrics: metrics.map(([Name]) => ({ Name })),
          },
        ],
      },
      ...Object.fromEntries(metrics),
      query: pane.query,
      ...Object.fromEntries(dimensions.map((name) => [name, String(pane.key[name])])),
    }
    return [JSON.stringify(document)]
  })
}

function rank({ values }: Pane): number {
  const [first] = Object.values(values)
  return typeof first === 'number' ? first : 0
}
