// Values as YAML, for people who keep them in files. Loaded only when it is asked for.
import { stringify } from 'yaml'

/** Without a line break at its end. Only what JSON can say: fields without a value are left out. */
export function yamlText(value: unknown): string {
  return stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0 }).trimEnd()
}
