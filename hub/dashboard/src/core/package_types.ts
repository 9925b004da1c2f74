// What the hub says of packages and of the objects in them (docs/histograms.md), as far as the page reads it.

/** JSON has no NaN and no infinity: those come as texts, which Number() reads. */
export type Numeric = number | string
export type Nested = Numeric[] | Numeric[][]

export type Axis = {
  type: "regular" | "variable" | "category_str" | "category_int" | "boolean"
  lower?: number
  upper?: number
  bins?: number
  edges?: number[]
  categories?: (string | number)[]
  underflow?: boolean
  overflow?: boolean
  flow?: boolean
  metadata?: { label?: string; name?: string }
}

export type Storage = { type: string; values: Nested; variances?: Nested; counts?: Nested; sum_of_weights?: Nested; sum_of_weights_squared?: Nested }
export type Histogram = { uhi_schema: number; metadata?: { title?: string; label?: string; name?: string }; axes: Axis[]; storage: Storage }
export type Errors = { low: Numeric[]; high: Numeric[] }
export type Graph = {
  dvic_graph: number
  type: "scatter" | "time"
  title?: string
  x: Numeric[]
  y: Numeric[]
  x_errors?: Errors
  y_errors?: Errors
  x_label?: string
  y_label?: string
}
export type ObjectData = Histogram | Graph
export type PackageObject = { name: string; hash: string; data: ObjectData }
export type ObjectAbout = { name: string; hash: string; kind: "histogram" | "graph"; axes: string[]; title: string }

export type PackageAbout = {
  id: string
  name: string
  title: string
  node: string
  node_id: string
  owner: string
  /** Whose file it is, by name, short id or unit; empty for the machine's own. */
  container: string
  serial: number
  skipped: number
  time: string | null
  received: string | null
  state: "live" | "gone"
  problem: string
  snapshot: number
  layout: string
  object_count: number
  objects?: ObjectAbout[]
}

export type Snapshot = { snapshot: number; serial: number; received: string | null; reference: string }
export type Reference = { name: string; snapshot: number; time: string | null; created_by: string; note: string }
export type LayoutFault = { line: number; column: number; reason: string }
export type Layout = { origin: string; text: string; tree: LayoutNode; problem: string; line: number; changed_by: string }

/** An element of a layout, as the hub read it: attributes under their own names. */
export type LayoutNode = { element: string; line: number; text?: string; children?: LayoutNode[]; [attribute: string]: unknown }

/** What this page was made for; the hub may have been updated since it was loaded. */
const UHI_SCHEMA = 1
const GRAPH_SCHEMA = 1

export function isRead(data: ObjectData): boolean {
  return isGraph(data) ? data.dvic_graph <= GRAPH_SCHEMA : data.uhi_schema <= UHI_SCHEMA
}

export function isGraph(data: ObjectData): data is Graph {
  return "dvic_graph" in data
}
