// Values, selection, deletion, copies; and that nothing is lost on reload.

import assert from 'node:assert/strict';
import { scene } from './page.mjs';

export const editingScenes = [
  scene('a strength is scrubbed below zero in one undo step', async (desk) => {
    const { page } = desk;
    const strength = desk.field(desk.node('Load LoRA'), 'slider', 'strength_model');
    const [x, y] = await desk.middleOf(strength);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x - 200, y, { steps: 5 });
    await page.mouse.move(x - 400, y, { steps: 5 });
    await page.mouse.up();
    assert.equal(await strength.getAttribute('aria-valuetext'), '-0.40');
    await desk.undo();
    assert.equal(await strength.getAttribute('aria-valuetext'), '0.60');
  }),

  scene(
    'a number is typed as a sum, kept in its range, and stepped with the arrows',
    async (desk) => {
      const { page } = desk;
      const width = desk.field(desk.node('Empty Latent Image'), 'slider', 'width');
      await width.click();
      await page.keyboard.type('64*3');
      await page.keyboard.press('Enter');
      assert.equal(await width.getAttribute('aria-valuetext'), '192');
      await width.focus();
      await page.keyboard.press('ArrowRight');
      assert.equal(await width.getAttribute('aria-valuetext'), '200');
      const denoise = desk.field(desk.node('KSampler'), 'slider', 'denoise');
      await denoise.click();
      await page.keyboard.type('7');
      await page.keyboard.press('Enter');
      assert.equal(await denoise.getAttribute('aria-valuetext'), '1.00');
    },
  ),

  scene('a combo opens a list that can be searched', async (desk) => {
    const { page } = desk;
    const sampler = desk.field(desk.node('KSampler'), 'combobox', 'sampler_name');
    await sampler.click();
    await page.getByRole('combobox', { name: 'Search sampler_name' }).fill('2m');
    await page.getByRole('option', { name: 'dpmpp_2m', exact: true }).click();
    assert.match(await sampler.textContent(), /dpmpp_2m/);
  }),

  scene('what is typed in a text is undone', async (desk) => {
    const text = desk.node('CLIP Text Encode (Prompt)', 1).getByRole('textbox', { name: 'text' });
    await text.fill('dark, blurry');
    assert.equal(await text.inputValue(), 'dark, blurry');
    await desk.undo();
    assert.equal(await text.inputValue(), '');
  }),

  scene('nodes are boxed, duplicated with their cables, and deleted', async (desk) => {
    const { page } = desk;
    const from = await desk.node('Load LoRA').boundingBox();
    const to = await desk.node('Load LoRA', 1).boundingBox();
    await page.keyboard.down('Control');
    await page.mouse.move(from.x - 15, from.y - 30);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width + 8, to.y + to.height + 30, { steps: 6 });
    await page.mouse.up();
    await page.keyboard.up('Control');
    await page.keyboard.press('Control+d');
    await desk.until('two more', () => desk.nodes(), 11);
    assert.equal(await desk.links(), 15, 'the cables between them come along');
    await page.keyboard.press('Delete');
    await desk.until('the copies are gone', () => desk.nodes(), 9);
    assert.equal(await desk.links(), 13);
  }),

  scene('copy and paste puts a node at the pointer', async (desk) => {
    const { page } = desk;
    await desk.node('VAE Decode').getByText('VAE Decode').click();
    await page.keyboard.press('Control+c');
    await page.mouse.move(400, 640);
    await page.keyboard.press('Control+v');
    await desk.until('one more', () => desk.nodes(), 10);
    const box = await desk.node('VAE Decode', 1).boundingBox();
    assert.ok(Math.abs(box.x - 400) < 3);
  }),

  scene('a node moves by its header, in one step', async (desk) => {
    const node = desk.node('Empty Latent Image');
    const before = await node.boundingBox();
    await desk.drag(node.getByText('Empty Latent Image'), [500, 720]);
    const moved = await node.boundingBox();
    assert.ok(Math.hypot(moved.x - before.x, moved.y - before.y) > 50);
    await desk.undo();
    const back = await node.boundingBox();
    assert.ok(Math.hypot(back.x - before.x, back.y - before.y) < 1);
  }),

  scene('bypass and rename are in the saved file', async (desk) => {
    const { page } = desk;
    await desk.node('Load LoRA').getByText('Load LoRA').click();
    await page.keyboard.press('Control+b');
    await desk.node('Load LoRA', 1).getByText('Load LoRA').dblclick();
    const title = page.getByRole('textbox', { name: 'Node title' });
    await title.fill('Detail');
    await title.press('Enter');
    await desk.node('Detail').waitFor();
    const { nodes } = await desk.saved();
    assert.equal(nodes[1].mode, 4);
    assert.equal(nodes[2].title, 'Detail');
  }),

  scene('a reload loses nothing', async (desk) => {
    const { page } = desk;
    await page.getByRole('textbox', { name: 'Workflow name' }).fill('My star');
    await desk.node('VAE Decode').getByText('VAE Decode').click();
    await page.keyboard.press('Delete');
    await page.reload();
    await desk.node('KSampler').waitFor();
    assert.equal(await desk.nodes(), 8);
    assert.equal(
      await page.getByRole('textbox', { name: 'Workflow name' }).inputValue(),
      'My star',
    );
  }),
];
