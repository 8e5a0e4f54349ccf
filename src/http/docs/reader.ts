/**
 * The page at `/docs`: reads `/openapi.json` of the same daemon and shows it, with no request to any other place. What
 * comes from the document is set as text, never as markup.
 */
export const READER = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>API</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { max-width: 64rem; margin: 0 auto; padding: 1rem }
  summary { cursor: pointer; padding: .2rem 0 }
  code, pre { font-family: ui-monospace, monospace; font-size: .9em }
  pre { overflow: auto; padding: .6rem; border: 1px solid #8884; border-radius: .3rem }
  .method { display: inline-block; min-width: 3.5rem; font-weight: 600 }
  .words { opacity: .75 }
  details > div { margin-left: 1rem }
  input { font: inherit; width: 100%; padding: .4rem; box-sizing: border-box }
</style>
<h1 id="title">API</h1>
<p class="words" id="about"></p>
<input id="filter" placeholder="Filter paths, types and messages" aria-label="Filter">
<div id="paths"></div>
<h2>Messages</h2>
<div id="messages"></div>
<script>
  const make = (tag, text, name) => {
    const element = document.createElement(tag)
    if (text !== undefined) element.textContent = text
    if (name !== undefined) element.className = name
    return element
  }
  const shortName = (reference) => reference.split('/').pop()
  const kindOf = (schema) => {
    if (schema === undefined) return ''
    if (schema.$ref) return shortName(schema.$ref)
    if (schema.type === 'array') return 'list of ' + kindOf(schema.items)
    if (schema.additionalProperties) return 'map of ' + kindOf(schema.additionalProperties)
    if (schema.const) return JSON.stringify(schema.const)
    if (schema.enum) return schema.enum.join(' | ')
    if (schema.anyOf) return schema.anyOf.map(kindOf).join(' or ')
    return schema.format || schema.type || 'any'
  }
  const fieldsOf = (schema) => {
    const list = make('div')
    for (const [name, field] of Object.entries(schema.properties || {})) {
      const line = make('div')
      line.append(make('code', name + ((schema.required || []).includes(name) ? '' : '?') + ': '))
      if (field.$ref) {
        const link = make('a', shortName(field.$ref))
        link.href = '#' + shortName(field.$ref)
        line.append(link)
      } else line.append(make('code', kindOf(field)))
      if (field.description) line.append(make('span', '  ' + field.description, 'words'))
      list.append(line)
    }
    if (schema.enum) list.append(make('code', schema.enum.join(' | ')))
    return list
  }
  const bodyOf = (content, into) => {
    for (const [type, { schema, examples }] of Object.entries(content || {})) {
      into.append(make('div', type, 'words'))
      for (const one of schema.oneOf || []) {
        const inner = make('details')
        const words = one.description ? '  (' + one.description + ')' : ''
        inner.append(make('summary', one.title + words), fieldsOf(one))
        const example = examples && examples[one.title]
        if (example) inner.append(make('pre', JSON.stringify(example.value, undefined, 2)))
        into.append(inner)
      }
      if (schema.oneOf) continue
      const page = schema.items || schema
      into.append(page.properties ? fieldsOf(page) : make('code', kindOf(schema)))
    }
  }
  const show = (path, method, operation) => {
    const whole = make('details', undefined, 'entry')
    const head = make('summary')
    head.append(make('span', method.toUpperCase(), 'method'), make('code', path))
    head.append(make('span', '  ' + operation.summary, 'words'))
    const body = make('div')
    for (const { name, description } of operation.parameters || []) {
      const line = make('div')
      line.append(make('code', '?' + name + '='), make('span', '  ' + description, 'words'))
      body.append(line)
    }
    if (operation.requestBody) bodyOf(operation.requestBody.content, body)
    for (const [status, answer] of Object.entries(operation.responses)) {
      body.append(make('h4', status + '  ' + answer.description))
      bodyOf(answer.content, body)
    }
    whole.append(head, body)
    return whole
  }
  const load = async () => {
    const api = await (await fetch('/openapi.json')).json()
    document.title = api.info.title
    document.getElementById('title').textContent = api.info.title + ' ' + api.info.version
    document.getElementById('about').textContent = api.info.description
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, operation] of Object.entries(methods))
        document.getElementById('paths').append(show(path, method, operation))
    for (const [name, schema] of Object.entries(api.components.schemas)) {
      const entry = make('details', undefined, 'entry')
      entry.id = name
      entry.append(make('summary', name), fieldsOf(schema))
      document.getElementById('messages').append(entry)
    }
    const open = () => {
      const entry = document.getElementById(decodeURIComponent(location.hash.slice(1)))
      if (entry) entry.open = true
    }
    addEventListener('hashchange', open)
    open()
  }
  document.getElementById('filter').addEventListener('input', ({ target }) => {
    const wanted = target.value.toLowerCase()
    for (const entry of document.querySelectorAll('.entry'))
      entry.hidden = !entry.textContent.toLowerCase().includes(wanted)
  })
  load().catch((error) => { document.getElementById('about').textContent = String(error) })
</script>
</html>
`
