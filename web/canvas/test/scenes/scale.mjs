// A graph of some 200 nodes: only what is seen is mounted, and cables are there at every zoom.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { scene } from './page.mjs';

const STARTER = resolve(import.meta.dirname, '../../src/assets/starter.json');
const COPIES = 22;

/** The ready graph many times over, in rows of four. */
function manyStarters() {
  const starter = JSON.parse(readFileSync(STARTER, 'utf8'));
  const nodes = [];
  const links = [];
  for (let copy = 0; copy < COPIES; copy += 1) {
    const by = copy * 100;
    for (const node of structuredClone(starter.nodes)) {
      node.id += by;
      node.pos = [node.pos[0] + (copy % 4) * 1800, node.pos[1] + Math.floor(copy / 4) * 640];
      for (const input of node.inputs) if (input.link !== null) input.link += by;
      for (const output of node.outputs) output.links = output.links.map((id) => id + by);
      nodes.push(node);
    }
    for (const [id, from, output, to, input, type] of starter.links) {
      links.push([id + by, from + by, output, to + by, input, type]);
    }
  }
  return { ...starter, last_node_id: COPIES * 100, last_link_id: COPIES * 100, nodes, links };
}

export const scaleScenes = [
  scene(
    '200 nodes are seen whole with their cables, and near only a few are mounted',
    async (desk) => {
      const { page } = desk;
      await desk.drop('many.json', JSON.stringify(manyStarters()));
      await desk.until('all nodes are seen', () => desk.nodes(), COPIES * 9);
      assert.equal(await desk.links(), COPIES * 13, 'far out the cables are drawn too');
      await page.mouse.move(700, 450);
      for (let i = 0; i < 9; i += 1) await page.mouse.wheel(0, -120);
      await desk.until('near, few are mounted', async () => (await desk.nodes()) < 40, true);
      const elements = await page.evaluate(() => document.querySelectorAll('*').length);
      assert.ok(elements < 3000, `${elements} elements on the page`);
    },
  ),
];
