// Cables: connect, refuse, pick up, undo; and nodes found by search.

import assert from 'node:assert/strict';
import { scene } from './page.mjs';

/** A point of the canvas with nothing on it, below the loaders of the ready graph. */
const EMPTY_SPOT = [300, 620];

async function addSampler(desk) {
  await desk.page.mouse.dblclick(...EMPTY_SPOT);
  await desk.page.getByRole('combobox', { name: 'Add a node' }).fill('ks');
  await desk.page.keyboard.press('Enter');
  const node = desk.node('KSampler', 1);
  await node.waitFor();
  return node;
}

export const connectingScenes = [
  scene('double-click, two letters and Enter add a node', async (desk) => {
    await addSampler(desk);
    assert.equal(await desk.nodes(), 10);
    await desk.undo();
    assert.equal(await desk.nodes(), 9);
  }),

  scene('a cable connects by drag, is refused where it does not fit, and undone', async (desk) => {
    const { page } = desk;
    const sampler = await addSampler(desk);
    const lora = desk.node('Load LoRA', 1);
    await desk.drag(desk.output(lora, 'MODEL'), desk.input(sampler, 'model'));
    await desk.until('the cable is there', () => desk.links(), 14);

    await desk.drag(desk.output(lora, 'CLIP'), desk.input(sampler, 'model'));
    await page.getByText('CLIP does not fit MODEL.').waitFor();
    assert.equal(await desk.links(), 14);

    await desk.undo();
    await desk.until('the cable is gone again', () => desk.links(), 13);
  }),

  scene('a circle is refused and named', async (desk) => {
    const first = desk.node('Load LoRA');
    const second = desk.node('Load LoRA', 1);
    await desk.drag(desk.output(second, 'MODEL'), desk.input(first, 'model'));
    await desk.page
      .getByText('That would make a circle: Load LoRA → Load LoRA → Load LoRA')
      .waitFor();
    assert.equal(await desk.links(), 13);
  }),

  scene('a new cable replaces the old one of an input', async (desk) => {
    const from = desk.output(desk.node('Load Checkpoint'), 'MODEL');
    await desk.drag(from, desk.input(desk.node('KSampler'), 'model'));
    assert.equal(await desk.links(), 13);
    const saved = await desk.saved();
    const into = saved.links.find(([, , , node, slot]) => node === 7 && slot === 0);
    assert.equal(into[1], 1);
  }),

  scene('a cable is picked up at its input and let go over nothing', async (desk) => {
    await desk.drag(desk.input(desk.node('Save Image'), 'images'), EMPTY_SPOT);
    await desk.until('the cable is gone', () => desk.links(), 12);
    await desk.undo();
    await desk.until('and back', () => desk.links(), 13);
  }),

  scene('a picked-up cable goes to another input', async (desk) => {
    const sampler = desk.node('KSampler');
    await desk.drag(desk.input(sampler, 'positive'), desk.input(sampler, 'negative'));
    await desk.until('one cable less', () => desk.links(), 12);
    const { links } = await desk.saved();
    assert.deepEqual(links.find(([, , , node, slot]) => node === 7 && slot === 2)?.[1], 4);
  }),

  scene('a cable dropped on empty canvas offers what fits, placed and connected', async (desk) => {
    const { page } = desk;
    await desk.drag(desk.output(desk.node('Load Checkpoint'), 'VAE'), EMPTY_SPOT);
    const search = page.getByRole('dialog', { name: 'Add a node' });
    await search.waitFor();
    const offered = await search.getByRole('option').allTextContents();
    assert.ok(offered.some((text) => text.startsWith('VAE Decode')));
    assert.ok(!offered.some((text) => text.startsWith('KSampler')), 'nothing that does not fit');
    await page.keyboard.type('decode');
    await page.keyboard.press('Enter');
    await desk.until('node and cable', () => desk.links(), 14);
    const [x, y] = await desk.middleOf(desk.input(desk.node('VAE Decode', 1), 'vae'));
    assert.ok(Math.hypot(x - EMPTY_SPOT[0], y - EMPTY_SPOT[1]) < 3, 'the socket is at the pointer');
  }),
];
