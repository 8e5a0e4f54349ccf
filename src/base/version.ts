// The versions that every part gives: the one of the API that clients reckon with, and our own beside it.

/**
 * What `version` says in /version, /state and MasterInfo. Dotted integers only, since clients turn each part into a
 * number (spec/clients.md Q13); the release of Mesos whose API and answers we follow.
 */
export const MESOS_API_VERSION = '1.12.0'

/** Our own version, the same as in package.json (a test compares them). */
export const TEPUI_VERSION = '0.1.0'
