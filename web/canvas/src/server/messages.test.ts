// Frames of the websocket.

import { describe, expect, it } from 'vitest';
import { decodePreview, decodeText } from './messages';

function frame(type: number, about: object, image: number[]): ArrayBuffer {
  const json = new TextEncoder().encode(JSON.stringify(about));
  const bytes = new Uint8Array(8 + json.length + image.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type);
  view.setUint32(4, json.length);
  bytes.set(json, 8);
  bytes.set(image, 8 + json.length);
  return bytes.buffer;
}

describe('previews', () => {
  it('name their node and carry the picture', async () => {
    const about = {
      node_id: '5:7',
      display_node_id: '5',
      prompt_id: 'p',
      image_type: 'image/jpeg',
    };
    const preview = decodePreview(frame(4, about, [1, 2, 3]));
    expect(preview).toMatchObject({ node: '5', prompt: 'p' });
    expect(preview?.image.type).toBe('image/jpeg');
    expect([...new Uint8Array((await preview?.image.arrayBuffer()) ?? [])]).toEqual([1, 2, 3]);
  });

  it('other and broken frames are left alone', () => {
    expect(decodePreview(frame(1, {}, [1]))).toBeNull();
    expect(decodePreview(new ArrayBuffer(3))).toBeNull();
    expect(decodePreview(frame(4, {}, []).slice(0, 9))).toBeNull();
  });
});

describe('messages', () => {
  it('have a type and data', () => {
    expect(decodeText('{"type":"status","data":{"a":1}}')).toEqual({
      type: 'status',
      data: { a: 1 },
    });
    expect(decodeText('[1]')).toBeNull();
  });
});
