// Errors are shown where they are, in words, and go when they are mended.

import assert from 'node:assert/strict';
import { scene } from './page.mjs';

/** Chromium itself writes a line for the refused request; the canvas says it in words. */
const refusedPrompt = {
  allowed: (line) =>
    line.location().url.endsWith('/api/prompt') && /status of 400/.test(line.text()),
};

export const problemScenes = [
  scene(
    'a missing cable is shown on its node and said in the panel',
    async (desk) => {
      const { page } = desk;
      await desk.node('VAE Decode').getByText('VAE Decode').click();
      await page.keyboard.press('Delete');
      await desk.run();
      const panel = page.getByRole('complementary', { name: 'Problems' });
      await panel.getByText('“images” is not connected.').waitFor();
      await panel.getByRole('button', { name: 'Save Image' }).click();
      const wrong = page.locator('.node.wrong');
      await wrong.waitFor();
      assert.match((await wrong.getAttribute('aria-label')) ?? '', /^Save Image/);
      await desk.undo();
      await page.keyboard.press('Escape');
      await desk.run();
      await desk.until('the problem is mended', () => page.locator('.node.wrong').count(), 0);
    },
    refusedPrompt,
  ),

  scene(
    'a file that is not there is named with its widget',
    async (desk) => {
      const { page } = desk;
      const saved = await desk.saved();
      saved.nodes[1].widgets_values[0] = 'gone.safetensors';
      await desk.drop('gone.json', JSON.stringify(saved));
      await page.getByText('gone', { exact: true }).waitFor();
      await desk.run();
      await page.getByText(/“lora_name”.*gone\.safetensors.* is not on offer here/).waitFor();
      await page.getByText('Choose one from the list.', { exact: false }).waitFor();
    },
    refusedPrompt,
  ),

  scene(
    'an unknown node is kept, named and saved again',
    async (desk) => {
      const { page } = desk;
      const saved = await desk.saved();
      saved.nodes.push({
        id: 20,
        type: 'SomeoneElsesNode',
        pos: [300, 320],
        size: [240, 80],
        flags: {},
        order: 9,
        mode: 0,
        inputs: [{ name: 'image', type: 'IMAGE', link: 20 }],
        outputs: [],
        properties: { aux_id: 'someone/else' },
        widgets_values: [1, 'two'],
      });
      saved.nodes[7].outputs[0].links.push(20);
      saved.links.push([20, 8, 0, 20, 0, 'IMAGE']);
      saved.last_node_id = 20;
      saved.last_link_id = 20;
      await desk.drop('odd.json', JSON.stringify(saved));
      const node = desk.node('SomeoneElsesNode');
      await node
        .getByText('This server has no node called SomeoneElsesNode.', { exact: false })
        .waitFor();
      await page.getByText('Not on this server: SomeoneElsesNode.', { exact: false }).waitFor();
      assert.equal(await desk.links(), 14);
      assert.deepEqual(await desk.saved(), saved);
      await desk.run();
      await page
        .getByRole('complementary', { name: 'Problems' })
        .getByText('SomeoneElsesNode')
        .first()
        .waitFor();
    },
    refusedPrompt,
  ),
];
