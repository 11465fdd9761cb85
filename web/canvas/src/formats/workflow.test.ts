// Workflows in and out: what was not edited comes back as it was.

import { describe, expect, it } from 'vitest';
import { starterJson } from '../../test/graphs';
import { CATALOGUE, vector, vectorCatalogue, vectorFiles } from '../../test/support';
import { removeNodes, renameNode, setWidget } from '../model/commands';
import { isObject, type Json, type JsonObject, listOf, objectOf } from '../model/json';
import { connect } from '../model/links';
import { inputKind } from '../model/shape';
import { parseJson, writeJson } from './json';
import { openJson } from './open';
import { readWorkflow } from './workflow';
import { writeWorkflow } from './workflow-write';

function saved(json: Json): JsonObject {
  const { doc } = openJson(json, CATALOGUE);
  return writeWorkflow(doc, (body, name) => inputKind(CATALOGUE, body, name));
}

describe('load and save without edits', () => {
  it('gives the ready graph back', () => {
    expect(saved(starterJson())).toEqual(starterJson());
  });

  it('keeps unknown keys at every level', () => {
    const json = starterJson();
    const [first, ...rest] = listOf(json.nodes).filter(isObject);
    const odd: JsonObject = {
      ...json,
      future: { a: [1, 2] },
      groups: [{ title: 'G', bounding: [0, 0, 1, 1], color: '#3f789e', extra: true }],
      nodes: [
        { ...first, halo: 'x', properties: { cnr_id: 'core', ver: '1' }, color: '#222' },
        ...rest,
      ],
    };
    expect(saved(odd)).toEqual(odd);
  });

  it('keeps a value list that holds more than the definition knows', () => {
    const json = starterJson();
    const nodes = listOf(json.nodes).filter(isObject);
    const long = {
      ...json,
      nodes: [{ ...nodes[0], widgets_values: ['a.safetensors', 'more'] }, ...nodes.slice(1)],
    };
    expect(saved(long)).toEqual(long);
  });

  // Files that are broken on purpose are repaired, not kept.
  const BROKEN = /14_|22_|23_|24_/;
  for (const name of vectorFiles().filter((file) => !BROKEN.test(file))) {
    it(`${name} comes back the same`, () => {
      const ui = objectOf(vector(name).ui);
      const { doc } = openJson(ui, vectorCatalogue());
      expect(writeWorkflow(doc)).toEqual({ version: 0.4, ...ui });
    });
  }
});

describe('edits in files', () => {
  const loraLoader = CATALOGUE.get('LoraLoader');
  if (!loraLoader) throw new Error('no LoraLoader');

  it('a widget is written at its position, all others as they were', () => {
    const doc = setWidget('2', loraLoader, 1, -0.4)(readWorkflow(starterJson()).doc);
    const node = listOf(writeWorkflow(doc).nodes)[1];
    expect(objectOf(node).widgets_values).toEqual(['starter-outline.safetensors', -0.4, 0.6]);
  });

  it('values by name are changed by name', () => {
    const json = starterJson();
    const nodes = listOf(json.nodes).filter(isObject);
    const named = { ...nodes[1], widgets_values: { strength_model: 1, odd: 5 } };
    const { doc } = readWorkflow({ ...json, nodes: [nodes[0] ?? {}, named, ...nodes.slice(2)] });
    const node = listOf(writeWorkflow(setWidget('2', loraLoader, 1, 0.5)(doc)).nodes)[1];
    expect(objectOf(node).widgets_values).toEqual({ strength_model: 0.5, odd: 5 });
  });

  it('a widget that gets a link appears among the inputs, and the link finds its slot', () => {
    const { doc } = readWorkflow(starterJson());
    const linked = connect(CATALOGUE, { node: '4', output: 0 }, { node: '7', input: 'seed' })(doc);
    const out = writeWorkflow(linked, (body, name) => inputKind(CATALOGUE, body, name));
    const node = objectOf(listOf(out.nodes)[6]);
    expect(listOf(node.inputs)[4]).toEqual({
      name: 'seed',
      type: 'INT',
      link: 14,
      widget: { name: 'seed' },
    });
    expect(listOf(out.links).at(-1)).toEqual([14, 4, 0, 7, 4, 'CONDITIONING']);
  });

  it('a deleted node leaves no link behind', () => {
    const out = writeWorkflow(removeNodes(['8'])(readWorkflow(starterJson()).doc));
    expect(objectOf(listOf(out.nodes).at(-1)).inputs).toMatchObject([
      { name: 'images', link: null },
    ]);
    expect(listOf(out.links)).toHaveLength(10);
  });

  it('a title is written, and taken away again', () => {
    const { doc } = readWorkflow(starterJson());
    const named = renameNode('1', 'Base')(doc);
    expect(objectOf(listOf(writeWorkflow(named).nodes)[0]).title).toBe('Base');
    expect(writeWorkflow(renameNode('1', ' ')(named))).toEqual(starterJson());
  });
});

describe('broken files', () => {
  it('says what was repaired', () => {
    const json = starterJson();
    const twice = [...listOf(json.nodes), listOf(json.nodes)[0] ?? null];
    const { doc, repairs } = readWorkflow({
      ...json,
      nodes: twice,
      links: [[1, 99, 0, 2, 0, 'MODEL']],
    });
    expect(doc.nodes.size).toBe(9);
    expect(repairs).toHaveLength(2);
  });

  it('refuses what is no workflow in a sentence', () => {
    expect(() => openJson({ a: 1 }, CATALOGUE)).toThrow(/no workflow/);
  });
});

describe('JSON', () => {
  it('whole numbers beyond 2^53 survive', () => {
    const text = '{"seed":18446744073709551557,"text":"18446744073709551557, NaN"}';
    expect(parseJson(text)).toMatchObject({ seed: 18446744073709551557n });
    expect(writeJson(parseJson(text))).toBe(text);
  });

  it('reads the NaN and Infinity of Python', () => {
    expect(parseJson('[NaN, -Infinity, "NaN", 1e3]')).toEqual([Number.NaN, -Infinity, 'NaN', 1000]);
  });
});
