/** This master and this page: versions, flags, what both cost, and where programs ask for the same. */
import { masterCost } from '../data/cost.ts'
import { address, useFetched } from '../data/requests.ts'
import { agents, frameworks, master, tasks } from '../data/store.ts'
import { counted } from '../data/words.ts'
import { type ConfigPage, Flags } from '../parts/flags.tsx'
import { Age, Answered, Card, Facts } from '../parts/pieces.tsx'

const PAGES: readonly (readonly [path: string, what: string])[] = [
  ['docs', 'each address with its parameters, to be read here'],
  ['openapi.json', 'the same for programs (OpenAPI 3.1)'],
  ['metrics', 'its metrics for Prometheus'],
  ['metrics/snapshot', 'its metrics by their names in Mesos'],
  ['state', 'all that the master knows, as Mesos has it'],
  ['api/x1/lend', 'what is lent'],
  ['flags', 'its flags'],
  ['version', 'its version'],
  ['roles', 'roles'],
]

export function About(): preact.JSX.Element {
  const facts = master.value
  const flags = useFetched<ConfigPage>(address('api/x1/config'))
  return (
    <>
      <Card title="This master">
        <Facts
          facts={[
            ['address', facts?.address ?? ''],
            ['cluster', facts?.cluster || '–'],
            ['version', facts?.version ?? ''],
            ['runs for', <Age at={facts?.startedAt} />],
            ['id', <code>{facts?.id}</code>],
            [
              'knows',
              [
                counted(agents.all.length, 'agent'),
                counted(frameworks.all.length, 'framework'),
                counted(tasks.all.length, 'task'),
              ].join(', '),
            ],
          ]}
        />
      </Card>
      <Cost />
      <Flags title="Flags of the master" flags={flags} />
      <Card title="The same for programs">
        <ul>
          {PAGES.map(([path, what]) => (
            <li key={path}>
              <a href={address(path)}>/{path}</a> <span class="quiet">{what}</span>
            </li>
          ))}
        </ul>
      </Card>
    </>
  )
}

function Cost(): preact.JSX.Element {
  const metrics = useFetched<Readonly<Record<string, number>>>(address('metrics/snapshot'), 5000)
  return (
    <Card title="What it costs">
      <Answered fetched={metrics} what="the metrics">
        {(all) => <Facts facts={masterCost(all)} />}
      </Answered>
      <p class="quiet after">
        The master tells what changes once a second, to all open pages the same. What an agent costs stands on
        its own page.
      </p>
    </Card>
  )
}
