/** The rules for identifiers and role names, which all come from people and end up as names of directories. */

const LONGEST_IDENTIFIER = 255
const CONTROL = /\p{Cc}/u
const BLANK = /[\t\n\v\f\r \u007f]/

/**
 * Checks the id of a task, executor, framework, agent or persistent volume (spec/mesos.md 2.9).
 *
 * @param id the text of the id
 * @param what what it names, as the sentence calls it, e.g. `Task ID`
 * @returns a sentence that says what is wrong, or undefined when the id is good
 */
export function identifierError(id: string, what = 'ID'): string | undefined {
  if (id === '') return `${what} must not be empty`
  if (Buffer.byteLength(id) > LONGEST_IDENTIFIER)
    return `${what} must not be longer than ${LONGEST_IDENTIFIER} bytes, but has ${Buffer.byteLength(id)}`
  if (id === '.' || id === '..') return `${what} must not be '${id}'`
  if (CONTROL.test(id)) return `${what} ${JSON.stringify(id)} must not contain control characters`
  if (/[/\\]/.test(id)) return `${what} '${id}' must not contain '/' or '\\'`
  return undefined
}

/**
 * Checks the name of a role, which may be a path such as `eng/web` (spec/mesos.md 5.8).
 *
 * @returns a sentence that says what is wrong, or undefined when the name is good
 */
export function roleError(role: string): string | undefined {
  if (role === '*') return undefined
  if (role === '') return 'Role must not be empty'
  if (BLANK.test(role)) return `Role ${JSON.stringify(role)} cannot contain white space or DEL`
  if (role.startsWith('/')) return `Role '${role}' cannot start with '/'`
  if (role.endsWith('/')) return `Role '${role}' cannot end with '/'`
  for (const component of role.split('/')) {
    if (component === '') return `Role '${role}' cannot contain '//'`
    if (component === '.' || component === '..' || component === '*')
      return `Role '${role}' cannot include '${component}' as a component`
    if (component.startsWith('-')) return `Role '${role}' cannot include a component that starts with '-'`
  }
  return undefined
}

/**
 * Checks that base64 text holds the 16 bytes of a UUID (spec/mesos.md 2.9).
 *
 * @returns a sentence that says what is wrong, or undefined when it is a UUID
 */
export function uuidError(base64: string): string | undefined {
  const length = Buffer.from(base64, 'base64').length
  return length === 16 ? undefined : `A UUID has 16 bytes, but this has ${length}`
}
