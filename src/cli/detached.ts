// What tells a framework of `tepui run -d` from others: it has no process, its task stays until it ends or is killed.

export const DETACHED_LABEL = 'tepui_detached'

/** Seconds for which a detached task outlives the command that started it: four weeks. */
export const DETACHED_SECONDS = 4 * 7 * 86_400
