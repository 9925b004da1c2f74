// The parts of JSROOT that are used. It brings no types of its own; these are what its source shows (7.11).

type RootObject = Record<string, unknown>
type RootPainter = {
  updateObject(object: RootObject, option?: string): boolean
  getHistPalette?: () => unknown
  clearHistPalette?: () => void
  getPadPainter(): RootPad | null
}
type RootSize = { width: number; height: number; changed: boolean }
type RootPad = {
  redrawPad(): Promise<unknown>
  testMainResize(...given: unknown[]): RootSize
  cleanup(): void
  checkCanvasResize(size?: unknown, force?: boolean): Promise<unknown> | false
  getFramePainter(): RootFrame | null
  getRootPad(own: boolean): RootObject
}
type RootFrame = { getFrameX(): number; getFrameY(): number; getFrameWidth(): number; getFrameHeight(): number; zoom(axis: string, from: number, to: number, byHand: boolean): Promise<unknown>; unzoom(axes?: string): Promise<unknown>; createXY2(options: unknown): void; zoom_xmin: number; zoom_xmax: number }

declare module "jsroot/core" {
  export const settings: Record<string, unknown>
  export const gStyle: Record<string, unknown>
  export function addMethods(object: RootObject, type: string): void
  export function create(type: string): RootObject
  export function createHistogram(type: string, binsX: number, binsY?: number): RootObject & { fXaxis: RootObject; fYaxis: RootObject; fZaxis: RootObject; fArray: Float64Array; fBits: number }
}
declare module "jsroot/colors" {
  export function addColor(colour: string): number
  export function getRootColors(): string[]
  export const ColorPalette: new (colours: string[]) => { palette: string[] }
  export function getColorPalette(id: number): { palette: string[] }
}
declare module "*/gpad/TCanvasPainter.mjs" {
  export const TCanvasPainter: { draw(box: HTMLElement, canvas: RootObject, option: string): Promise<RootPad> }
}
declare module "*/TH1Painter.mjs" {
  export const TH1Painter: { draw(box: HTMLElement, object: RootObject, option: string): Promise<RootPainter> }
}
declare module "*/TH2Painter.mjs" {
  export const TH2Painter: { draw(box: HTMLElement, object: RootObject, option: string): Promise<RootPainter> }
}
declare module "*/TGraphPainter.mjs" {
  export const TGraphPainter: { draw(box: HTMLElement, object: RootObject, option: string): Promise<RootPainter> }
}
