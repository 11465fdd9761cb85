// Node sizes and places against the numbers of the specification.

import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../test/support';
import { newBody } from './commands';
import type { Point } from './document';
import { layout, minimumHeight, newSize } from './geometry';
import { type Shape, shapeOf } from './shape';

function shape(type: string): Shape {
  const def = CATALOGUE.get(type);
  if (!def) throw new Error(type);
  return shapeOf(CATALOGUE, newBody(def));
}

const open = { collapsed: false, picture: false };

describe('minimum height of the body', () => {
  it.each([
    ['VAEDecode', 46],
    ['SaveImage', 58],
    ['CheckpointLoaderSimple', 98],
    ['EmptyLatentImage', 106],
    ['LoraLoader', 126],
    ['KSampler', 262],
  ])('%s is %i', (type, height) => {
    expect(minimumHeight(shape(type))).toBe(height);
  });
});

describe('places', () => {
  it('sockets are 20 apart from 14, inputs at the left edge, outputs at the right', () => {
    const { inputs, outputs, width } = layout(shape('KSampler'), [300, 262], open);
    expect(width).toBe(300);
    expect(inputs.get('model')).toEqual([0, 14]);
    expect(inputs.get('latent_image')).toEqual([0, 74]);
    expect(outputs).toEqual([[300, 14]]);
  });

  it('drawn widgets are 24 apart below the rows, their sockets at mid-height', () => {
    const { fields, inputs } = layout(shape('KSampler'), [300, 262], open);
    expect(fields.map((span) => span.y)).toEqual([86, 110, 134, 158, 182, 206]);
    expect(inputs.get('seed')).toEqual([0, 97]);
  });

  it('a text takes the rest of the height, 8 above the edge', () => {
    const { fields } = layout(shape('CLIPTextEncode'), [400, 200], open);
    expect(fields).toEqual([{ y: 26, height: 200 - 8 - 26 }]);
  });

  it('a node is never smaller than its content', () => {
    const { width, height } = layout(shape('LoraLoader'), [10, 10], open);
    expect([width, height]).toEqual([160, 126]);
  });

  it('a collapsed node is a header with all links at its ends', () => {
    const places = layout(shape('KSampler'), [300, 262], { collapsed: true, picture: false });
    expect(places.height).toBe(0);
    expect(places.inputs.get('model')).toEqual([0, -15]);
    expect(places.inputs.get('denoise')).toEqual([0, -15]);
    expect(places.outputs).toEqual([[places.width, -15]]);
  });
});

describe('room for a picture', () => {
  it('is the free height when the person gave some', () => {
    const { height, picture } = layout(shape('SaveImage'), [300, 300], {
      collapsed: false,
      picture: true,
    });
    expect(height).toBe(300);
    expect(picture).toEqual({ y: 52, height: 240 });
  });

  it('is taken once there is a picture and the node has none', () => {
    const bare = layout(shape('SaveImage'), [300, 58], open);
    const shown = layout(shape('SaveImage'), [300, 58], { collapsed: false, picture: true });
    expect(bare.picture).toBeNull();
    expect(shown.height).toBe(258);
    expect(shown.picture?.height).toBeGreaterThan(150);
  });

  it('is part of a node that uploads pictures', () => {
    const { picture, height } = layout(shape('LoadImage'), [270, 314], open);
    expect(picture && picture.y + picture.height).toBe(height - 8);
  });
});

describe('size of a new node', () => {
  it.each<[string, Point[0]]>([
    ['VAEDecode', 210],
    ['LoraLoader', 270],
    ['CLIPTextEncode', 400],
  ])('%s is %i wide', (type, width) => {
    expect(newSize(shape(type))[0]).toBe(width);
  });
});
