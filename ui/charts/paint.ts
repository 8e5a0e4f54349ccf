// How each part of a stack is filled: a colour and a hatching of its own, so that it is told apart without colour too.

export type Paint = 'used' | 'lent' | 'idle' | 'free' | 'plain' | 'system'

export interface Painted {
  readonly line: string
  readonly fill: CanvasPattern | string
}

const known = new Map<string, Painted>()
const TILE = 8

/** @param colour reads a colour of the style sheet */
export function paintOf(paint: Paint, colour: (name: string) => string): Painted {
  const [base, ink] = [colour(`--${paint}`), colour(`--${paint}-ink`)]
  const key = `${paint} ${base} ${ink} ${devicePixelRatio}`
  const found = known.get(key)
  if (found !== undefined) return found
  const made = { line: ink, fill: patternOf(paint, base, ink) }
  known.set(key, made)
  return made
}

function patternOf(paint: Paint, base: string, ink: string): CanvasPattern | string {
  if (paint === 'used' || paint === 'plain' || paint === 'free') return base
  const tile = document.createElement('canvas')
  const size = TILE * Math.max(1, Math.round(devicePixelRatio))
  tile.width = size
  tile.height = size
  const context = tile.getContext('2d')
  if (context === null) return base
  context.fillStyle = base
  context.fillRect(0, 0, size, size)
  context.strokeStyle = ink
  context.fillStyle = ink
  if (paint === 'lent') drawStripes(context, size)
  else drawDots(context, size)
  return context.createPattern(tile, 'repeat') ?? base
}

function drawStripes(context: CanvasRenderingContext2D, size: number): void {
  context.lineWidth = size / 4
  context.beginPath()
  for (const shift of [-size, 0, size]) {
    context.moveTo(shift - 1, size + 1)
    context.lineTo(shift + size + 1, -1)
  }
  context.stroke()
}

function drawDots(context: CanvasRenderingContext2D, size: number): void {
  const dot = size / 5
  context.fillRect(size / 2 - dot / 2, size / 2 - dot / 2, dot, dot)
}
