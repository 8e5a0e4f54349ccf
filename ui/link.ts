// Addresses of views. Pure.

/** `link('tasks', frameworkId, taskId)` */
export function link(...path: readonly string[]): string {
  return `#/${path.map(encodeURIComponent).join('/')}`
}
