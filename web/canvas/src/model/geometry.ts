// Where everything in a node is: computed, never measured (canvas behaviour 2.2). CSS follows these
// numbers and must not move a socket. Coordinates are relative to the body; the header lies above.

import type { Point } from './document';
import { isLine, type Shape, uploadField } from './shape';

export const HEADER = 30;
export const ROW = 20;
export const LINE = 24;
export const FIELD = 22;
export const SOCKET = 11;
export const SIDE = 8;
const TEXT_MIN = 60;
const PICTURE_MIN = 80;
/** Room a node takes at its first picture when the person gave it none. */
const PICTURE_ROOM = 200;
const FREE_PICTURE_MIN = 64;
const WIDTH_MIN = 120;

export interface Span {
  readonly y: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  /** Height of the body; 0 when collapsed. The box is this plus HEADER. */
  readonly height: number;
  /** Centres of the sockets, by name and by output index. */
  readonly inputs: ReadonlyMap<string, Point>;
  readonly outputs: readonly Point[];
  readonly fields: readonly Span[];
  readonly picture: Span | null;
}

export interface LayoutOptions {
  readonly collapsed: boolean;
  /** The node has a picture to show. */
  readonly picture: boolean;
}

function rowsOf(shape: Shape): number {
  return Math.max(shape.inputs.length, shape.outputs.length);
}

function tallMinimum(shape: Shape): number {
  const texts = shape.fields.filter((field) => !isLine(field.def)).length;
  return texts * TEXT_MIN + (uploadField(shape) ? PICTURE_MIN : 0);
}

/** The least height of the body: 6 + 20 rows + 24 lines + tall widgets + 8. */
export function minimumHeight(shape: Shape): number {
  const tall = tallMinimum(shape);
  const widgets = shape.lines + tall > 0 ? LINE * shape.lines + tall + 8 : 0;
  return 6 + ROW * rowsOf(shape) + widgets;
}

export function minimumWidth(shape: Shape): number {
  return shape.fields.length > 0 ? 160 : WIDTH_MIN;
}

/** The size of a node that is added now: 210, with widgets 270, with a multi-line text 400 wide. */
export function newSize(shape: Shape): Point {
  const texts = shape.fields.some((field) => !isLine(field.def));
  const width = texts ? 400 : shape.fields.length > 0 ? 270 : 210;
  const height = minimumHeight(shape);
  return [width, texts ? Math.max(height, 160) : uploadField(shape) ? 314 : height];
}

/** Width of a collapsed node: its title and the square, by a plain estimate per letter. */
function collapsedWidth(shape: Shape): number {
  return Math.min(240, Math.max(80, Math.round(44 + shape.title.length * 7)));
}

export function layout(shape: Shape, size: Point, options: LayoutOptions): Layout {
  if (options.collapsed) return collapsedLayout(shape);
  const width = Math.max(size[0], minimumWidth(shape));
  const least = minimumHeight(shape);
  const roomless = options.picture && !uploadField(shape) && size[1] - least < FREE_PICTURE_MIN;
  const height = roomless ? least + PICTURE_ROOM : Math.max(size[1], least);
  const { fields, picture } = stack(shape, height, least);
  const inputs = new Map<string, Point>();
  shape.inputs.forEach((input, i) => {
    inputs.set(input.name, [0, 14 + ROW * i]);
  });
  shape.fields.forEach((field, i) => {
    const span = fields[i];
    if (span && !field.def.socketless) inputs.set(field.def.name, [0, span.y + span.height / 2]);
  });
  const outputs = shape.outputs.map((_, i): Point => [width, 14 + ROW * i]);
  return { width, height, inputs, outputs, fields, picture };
}

function collapsedLayout(shape: Shape): Layout {
  const width = collapsedWidth(shape);
  const middle = -HEADER / 2;
  const names = [...shape.inputs.map((one) => one.name), ...shape.fields.map((f) => f.def.name)];
  return {
    width,
    height: 0,
    inputs: new Map(names.map((name): [string, Point] => [name, [0, middle]])),
    outputs: shape.outputs.map((): Point => [width, middle]),
    fields: [],
    picture: null,
  };
}

/** One-line fields in order; tall ones stretch so that the last ends 8 px above the edge. */
function stack(
  shape: Shape,
  height: number,
  least: number,
): { fields: Span[]; picture: Span | null } {
  const upload = uploadField(shape) !== undefined;
  const texts = shape.fields.filter((field) => !isLine(field.def)).length;
  const spare = height - least;
  const growing = texts + (upload ? 1 : 0);
  const grow = growing > 0 ? spare / growing : 0;
  let y = ROW * rowsOf(shape) + 6;
  const fields = shape.fields.map((field) => {
    const span = { y, height: isLine(field.def) ? FIELD : TEXT_MIN + grow };
    y += isLine(field.def) ? LINE : span.height + 2;
    return span;
  });
  if (upload) return { fields, picture: { y: y + 2, height: Math.max(0, height - SIDE - y - 2) } };
  const start = y + 2;
  const free = height - SIDE - start;
  const picture =
    texts === 0 && height - least >= FREE_PICTURE_MIN ? { y: start, height: free } : null;
  return { fields, picture };
}
