/**
 * The fetch bench: a large file beside curl, a task whose cached URI others had before beside one without, the
 * collection of a large sandbox beside `rm -rf`. Its parts are functions from a context to figures (`fetch/*.ts`).
 */
import { OperatingError } from '../src/base/errors.ts'
import { type Figure, figureSheet } from '../src/base/figures.ts'
import type { Bench, BenchContext } from './bench.ts'
import { measureCached } from './fetch/cached.ts'
import { measureDownload } from './fetch/download.ts'
import { removalFigures } from './fetch/removal.ts'

type Part = (context: BenchContext) => Promise<readonly Figure[]>

const PARTS: Readonly<Record<string, Part>> = {
  download: measureDownload,
  cached: measureCached,
  removal: removalFigures,
}

export const fetchBench: Bench = {
  summary: 'downloads beside curl, cached URIs beside none, removal of sandboxes beside rm -rf',
  options: { only: `one of the parts ${Object.keys(PARTS).join(', ')}` },
  limitMs: () => 900_000,
  async run(context) {
    const { only } = context.options
    if (only !== undefined && !Object.hasOwn(PARTS, only))
      throw new OperatingError(
        'USAGE',
        `--only is '${only}': expected one of ${Object.keys(PARTS).join(', ')}`,
      )
    const figures: Figure[] = []
    for (const [name, measure] of Object.entries(PARTS)) {
      if (only === undefined || only === name) figures.push(...(await measure(context)))
    }
    return figureSheet('fetch', figures, context.clock.now())
  },
}
