// What the page of the collection says of all that is no sandbox: ended containers, fetched files, images.
import { type KnownImage, nameOf, whyKept } from '../../gc/image-plan.ts'
import type { Images } from '../../gc/images.ts'
import type { OpenCollection } from './open.ts'

/** Rows of each kind; the first ones go first. */
const MAX_ROWS = 1000

/** @param now wall time, ms */
export function othersOf({ cache, collector, engine }: OpenCollection, now: number): object {
  const { images } = engine
  const tasks = new Map(Array.from(collector.scheduled, ({ facts }) => [facts?.containerId, facts?.taskIds]))
  const containers = engine.containers.toSorted((a, b) => a.dueAt - b.dueAt)
  return {
    containers_total: containers.length,
    containers: containers
      .slice(0, MAX_ROWS)
      .map(({ bytes, containerId, dueAt, endedAt, engineId, taskId }) => ({
        container_id: containerId,
        engine_id: engineId,
        task_ids: taskId === undefined ? (tasks.get(containerId) ?? []) : [taskId],
        ended: endedAt / 1000,
        due: dueAt / 1000,
        due_now: dueAt <= now,
        why: '--docker_remove_delay',
        bytes: bytes ?? null,
      })),
    // Null: there is none, or it lies on another disk.
    cache: cache === undefined ? null : cache.page,
    images: images === undefined ? null : imagesOf(images, engine.disk()?.usage),
  }
}

function imagesOf(images: Images, usage: number | undefined): object {
  const { rules } = images
  const rows = Array.from(images.known, (image) => ({ image, kept: whyKept(image, rules) }))
  // Those that may go first, in their order.
  rows.sort((a, b) => Number(a.kept !== undefined) - Number(b.kept !== undefined) || byUse(a.image, b.image))
  return {
    enabled: rules.isOn,
    image_disk_headroom: rules.isOn ? rules.headroom : null,
    disk_usage: usage ?? null,
    is_tight: images.isTight,
    known_total: rows.length,
    known: rows.slice(0, MAX_ROWS).map(({ image, kept }) => ({
      name: nameOf(image),
      id: image.id,
      names: image.present,
      pulled: image.pulled,
      used: image.usedAt / 1000,
      bytes: image.bytes,
      containers: image.containers,
      may_go: kept === undefined,
      kept_because: kept ?? null,
    })),
    removed: images.removed.map(({ removedAt, usedAt, ...line }) => ({
      ...line,
      used: usedAt / 1000,
      removed: removedAt / 1000,
    })),
  }
}

const byUse = (a: KnownImage, b: KnownImage): number => a.usedAt - b.usedAt
