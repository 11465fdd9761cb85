// Files: save and open, API prompts, pictures with a workflow inside, files that are none.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { scene } from './page.mjs';

const STARTER = resolve(import.meta.dirname, '../../src/assets/starter.json');

export const fileScenes = [
  scene('what is saved without an edit is what was opened', async (desk) => {
    assert.deepEqual(await desk.saved(), JSON.parse(await readFile(STARTER, 'utf8')));
  }),

  scene('a saved workflow opens again the same, on a fresh page', async (desk) => {
    const { page } = desk;
    const strength = desk.field(desk.node('Load LoRA'), 'slider', 'strength_clip');
    await strength.click();
    await page.keyboard.type('-0.25');
    await page.keyboard.press('Enter');
    const saved = await desk.saved();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('menuitem', { name: 'New workflow' }).click();
    await desk.until('an empty canvas', () => desk.nodes(), 0);
    await desk.drop('star.json', JSON.stringify(saved));
    await desk.until('all nodes', () => desk.nodes(), 9);
    assert.equal(await strength.getAttribute('aria-valuetext'), '-0.25');
    assert.deepEqual(await desk.saved(), saved);
  }),

  scene('an exported API prompt opens as a graph', async (desk) => {
    const { page } = desk;
    await page.getByRole('button', { name: 'Menu' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: 'Export for the API' }).click();
    const prompt = await readFile(await (await download).path(), 'utf8');
    assert.equal(JSON.parse(prompt)['7'].class_type, 'KSampler');
    await desk.drop('prompt.json', prompt);
    await desk.until(
      'the name follows the file',
      () => page.getByRole('textbox', { name: 'Workflow name' }).inputValue(),
      'prompt',
    );
    assert.equal(await desk.nodes(), 9);
    assert.equal(await desk.links(), 13);
  }),

  scene('the picture of a run opens as the graph that made it', async (desk) => {
    const { page } = desk;
    const steps = desk.field(desk.node('KSampler'), 'slider', 'steps');
    await steps.click();
    await page.keyboard.type('2');
    await page.keyboard.press('Enter');
    await desk.run();
    const picture = desk.node('Save Image').getByAltText('Result of Save Image');
    await picture.waitFor();
    const url = await picture.getAttribute('src');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('menuitem', { name: 'Starter workflow' }).click();
    await desk.until('the starter', () => steps.getAttribute('aria-valuetext'), '20');
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('menuitem', { name: 'Open…' }).click();
    const body = await (await page.request.get(url)).body();
    await (await chooser).setFiles({ name: 'star.png', mimeType: 'image/png', buffer: body });
    await desk.until('the steps of the picture', () => steps.getAttribute('aria-valuetext'), '2');
  }),

  scene('a file that is no workflow is refused in words, and nothing is lost', async (desk) => {
    await desk.drop('notes.json', '{"a": 1}');
    await desk.page
      .getByText(/notes\.json could not be opened\. This JSON is no workflow/)
      .waitFor();
    await desk.drop('broken.json', '{"nodes": [');
    await desk.page
      .getByText(/broken\.json could not be opened\. This file is not valid JSON/)
      .waitFor();
    assert.equal(await desk.nodes(), 9);
  }),

  scene('a picture dropped on Load Image is uploaded and shown', async (desk) => {
    const { page } = desk;
    await page.mouse.dblclick(300, 620);
    await page.getByRole('combobox', { name: 'Add a node' }).fill('load image');
    await page.keyboard.press('Enter');
    const node = desk.node('Load Image');
    const chooser = page.waitForEvent('filechooser');
    await node.getByRole('button', { name: 'Upload a picture' }).click();
    const dot = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    await (await chooser).setFiles({ name: 'dot.png', mimeType: 'image/png', buffer: dot });
    const picture = node.getByAltText('Result of Load Image');
    await picture.waitFor();
    await desk.until(
      'the picture is there',
      () => picture.evaluate((image) => image.naturalWidth),
      1,
    );
    assert.match(await desk.field(node, 'combobox', 'image').textContent(), /dot\.png/);
  }),
];
