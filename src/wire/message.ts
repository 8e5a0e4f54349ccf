/**
 * The builders with which every message is declared once: the declaration is at the same time the TypeScript type, the
 * JSON Schema, the plan of the JSON codec and the table of protobuf numbers.
 */
import { Type, type TSchema, type TUnsafe } from 'typebox'

export type ScalarName = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'double'

/** What a field may hold: `T` is the value in our programs, `schema` describes it as JSON. */
export type FieldType<T> = Scalar<T> | Enumeration<T> | Message<T> | Lazy<T>

export interface Scalar<T> {
  readonly kind: 'scalar'
  readonly name: ScalarName
  readonly schema: TUnsafe<T>
}

export interface Enumeration<T> {
  readonly kind: 'enum'
  readonly name: string
  /** Protobuf numbers by value name, in declaration order. */
  readonly numbers: Readonly<Record<string, number>>
  readonly schema: TUnsafe<T>
}

export interface Message<T> {
  readonly kind: 'message'
  /** Full protobuf name, e.g. `mesos.v1.Offer`; also the name of the OpenAPI component. */
  readonly name: string
  /** In declaration order, which is the order in which Mesos writes them. */
  readonly fields: readonly NamedField[]
  readonly schema: TUnsafe<T>
}

/** A message that is declared later, or is being declared (ContainerID holds its parent's ContainerID). */
export interface Lazy<T> {
  readonly kind: 'lazy'
  readonly name: string
  readonly get: () => Message<T>
}

export type FieldRule = 'required' | 'optional' | 'repeated' | 'map'

export interface Field<T, R extends FieldRule = FieldRule> {
  readonly rule: R
  /** Protobuf field number. */
  readonly number: number
  readonly type: FieldType<T>
  /** The value that an unset optional field has; written out by the codec unless the field is deprecated. */
  readonly default?: T
  readonly deprecated?: true
  /** Name of the group of fields of which only one may be set. */
  readonly oneof?: string
}

export interface NamedField extends Field<unknown> {
  readonly name: string
}

export interface OptionalSettings<T> {
  readonly default?: T
  readonly deprecated?: true
  readonly oneof?: string
}

type AnyField = Field<unknown>
// A required field is the only kind that a value cannot leave out; lists and maps that are absent are empty.
type RequiredKey<F> = { [K in keyof F]: F[K] extends Field<unknown, 'required'> ? K : never }[keyof F]
type FieldValue<F> =
  F extends Field<infer T, infer R>
    ? R extends 'repeated'
      ? T[]
      : R extends 'map'
        ? Record<string, T>
        : T
    : never
type Flat<T> = { [K in keyof T]: T[K] }

/** The value type of a set of fields. */
export type MessageValue<F extends Record<string, AnyField>> = Flat<
  { [K in RequiredKey<F>]: FieldValue<F[K]> } & { [K in Exclude<keyof F, RequiredKey<F>>]?: FieldValue<F[K]> }
>

/** The TypeScript type of a declared message, enumeration or scalar. */
export type Static<D> = D extends { readonly schema: TUnsafe<infer T> } ? T : never

const scalar = <T>(name: ScalarName, schema: TSchema): Scalar<T> => ({
  kind: 'scalar',
  name,
  schema: Type.Unsafe<T>(schema),
})

const wholeNumber = (minimum: number, maximum: number, format: string): TSchema =>
  Type.Unsafe({ type: 'integer', minimum, maximum, format })

/** Smallest and largest value of each whole-number kind; the ends of 64 bits are rounded to the next double. */
export const RANGES = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
} as const satisfies Partial<Record<ScalarName, readonly [number, number]>>

export const string = scalar<string>('string', Type.String())
/** Bytes are carried as base64 text, in JSON and in our programs. */
export const bytes = scalar<string>('bytes', Type.Unsafe({ type: 'string', contentEncoding: 'base64' }))
export const bool = scalar<boolean>('bool', Type.Boolean())
export const int32 = scalar<number>('int32', wholeNumber(...RANGES.int32, 'int32'))
export const uint32 = scalar<number>('uint32', wholeNumber(...RANGES.uint32, 'uint32'))
/** 64-bit integers are JavaScript numbers: beyond 2^53 they are rounded to the nearest double. */
export const int64 = scalar<number>('int64', wholeNumber(...RANGES.int64, 'int64'))
export const uint64 = scalar<number>('uint64', wholeNumber(...RANGES.uint64, 'uint64'))
/** JSON has no infinity: it is written as a string. */
export const double = scalar<number>(
  'double',
  Type.Unsafe({ anyOf: [{ type: 'number', format: 'double' }, { enum: ['Infinity', '-Infinity'] }] }),
)

/**
 * Declares an enumeration; in JSON and in our programs its values are their names.
 *
 * @example
 * export const VolumeMode = enumeration('mesos.v1.Volume.Mode', { RW: 1, RO: 2 })
 * export type VolumeMode = Static<typeof VolumeMode>   // 'RW' | 'RO'
 */
export function enumeration<const N extends Record<string, number>>(
  name: string,
  numbers: N,
): Enumeration<keyof N & string> {
  return { kind: 'enum', name, numbers, schema: Type.Unsafe({ type: 'string', enum: Object.keys(numbers) }) }
}

/** A field without which the message is refused. */
export const required = <T>(number: number, type: FieldType<T>): Field<T, 'required'> => ({
  rule: 'required',
  number,
  type,
})

/** A field that may be absent. With a default that is not deprecated, decoding and encoding fill it in. */
export const optional = <T>(
  number: number,
  type: FieldType<T>,
  settings: OptionalSettings<NoInfer<T>> = {},
): Field<T, 'optional'> => ({ rule: 'optional', number, type, ...settings })

/** A list; absent and empty mean the same, and an empty list is never written. */
export const repeated = <T>(
  number: number,
  type: FieldType<T>,
  settings: { readonly deprecated?: true } = {},
): Field<T, 'repeated'> => ({ rule: 'repeated', number, type, ...settings })

/** A map from string to `type`; absent and empty mean the same, and an empty map is never written. */
export const mapOf = <T>(number: number, type: FieldType<T>): Field<T, 'map'> => ({
  rule: 'map',
  number,
  type,
})

/** Refers to a message that cannot be named yet because it contains itself; `name` is its full protobuf name. */
export const lazy = <T>(name: string, get: () => Message<T>): Lazy<T> => ({ kind: 'lazy', name, get })

/**
 * Declares a message.
 *
 * @param name full protobuf name, e.g. `mesos.v1.Offer`
 * @param fields in declaration order, which is the order on the wire as JSON
 * @throws Error when two fields have the same number: a mistake in the declaration
 *
 * @example
 * export const Label = message('mesos.v1.Label', { key: required(1, string), value: optional(2, string) })
 * export type Label = Static<typeof Label>   // { key: string; value?: string }
 */
export function message<F extends Record<string, AnyField>>(
  name: string,
  fields: F,
): Message<MessageValue<F>> {
  const named = Object.entries(fields).map(
    ([fieldName, field]): NamedField => ({ ...field, name: fieldName }),
  )
  if (new Set(named.map((field) => field.number)).size !== named.length)
    throw new Error(`Message ${name} uses a field number twice.`)
  const properties = Object.fromEntries(named.map((field) => [field.name, fieldSchema(field)]))
  return { kind: 'message', name, fields: named, schema: Type.Unsafe(Type.Object(properties)) }
}

/** Where the schema of a named message or enumeration stands in an OpenAPI document. */
export const componentPath = (name: string): string => `#/components/schemas/${name}`

const reference = (type: FieldType<unknown>): TSchema =>
  type.kind === 'scalar' ? type.schema : Type.Unsafe({ $ref: componentPath(type.name) })

function fieldSchema(field: NamedField): TSchema {
  const notes = {
    ...(field.deprecated && { deprecated: true }),
    ...(field.default !== undefined && { default: field.default }),
  }
  const item = reference(field.type)
  switch (field.rule) {
    case 'required':
      return item
    case 'optional':
      return Type.Optional(Type.Unsafe({ ...item, ...notes }))
    case 'repeated':
      return Type.Optional(Type.Array(item, notes))
    case 'map':
      return Type.Optional(Type.Unsafe({ type: 'object', additionalProperties: item }))
  }
}
