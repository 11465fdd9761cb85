// API prompts and PNGs as documents.

import { describe, expect, it } from 'vitest';
import { starter } from '../../test/graphs';
import { CATALOGUE } from '../../test/support';
import type { JsonObject } from '../model/json';
import { openBytes, openJson } from './open';
import { toPrompt } from './prompt';

function pngWith(texts: Record<string, string>): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(12 + data.length);
    new DataView(bytes.buffer).setUint32(0, data.length);
    bytes.set(new TextEncoder().encode(type), 4);
    bytes.set(data, 8);
    return bytes;
  };
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const chunks = Object.entries(texts).map(([key, text]) =>
    chunk('tEXt', new TextEncoder().encode(`${key}\0${text}`)),
  );
  const parts = [signature, ...chunks, chunk('IEND', new Uint8Array())];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

describe('API prompts', () => {
  const { prompt } = toPrompt(starter(), CATALOGUE);

  it('a prompt becomes a graph that gives the same prompt', () => {
    const { doc } = openJson(prompt as unknown as JsonObject, CATALOGUE);
    expect(toPrompt(doc, CATALOGUE).prompt).toEqual(prompt);
  });

  it('nodes are laid out in columns, each right of what feeds it', () => {
    const { doc } = openJson(prompt as unknown as JsonObject, CATALOGUE);
    for (const link of doc.links.values()) {
      const [from, to] = [doc.nodes.get(link.from), doc.nodes.get(link.to)];
      expect(to?.pos[0]).toBeGreaterThan((from?.pos[0] ?? 0) + (from?.size[0] ?? 0));
    }
  });

  it('an unknown class keeps its values and its links', () => {
    const json = {
      ...(prompt as unknown as JsonObject),
      '20': { class_type: 'Zoom', inputs: { images: ['8', 0], by: 2 } },
    };
    const { doc } = openJson(json, CATALOGUE);
    expect(doc.nodes.get('20')?.body.values).toEqual({ by: 2 });
    expect([...doc.links.values()].some((link) => link.to === '20')).toBe(true);
  });

  it('path ids get a number of their own', () => {
    const json = {
      '5:1': { class_type: 'VAEDecode', inputs: {} },
      '5': { class_type: 'SaveImage', inputs: { images: ['5:1', 0] } },
    };
    const { doc } = openJson(json, CATALOGUE);
    expect([...doc.nodes.keys()].sort()).toEqual(['5', '6']);
    expect([...doc.links.values()]).toMatchObject([{ from: '6', to: '5' }]);
  });
});

describe('PNG', () => {
  it('prefers the workflow to the prompt', async () => {
    const workflow = JSON.stringify({ nodes: [{ id: 3, type: 'VAEDecode' }], links: [] });
    const bytes = pngWith({ prompt: '{"1":{"class_type":"SaveImage"}}', workflow });
    const { doc } = await openBytes(bytes, CATALOGUE);
    expect([...doc.nodes.keys()]).toEqual(['3']);
  });

  it('says when there is none in it', async () => {
    await expect(openBytes(pngWith({}), CATALOGUE)).rejects.toThrow(/no workflow in it/);
  });
});
