// Why did it run, how long did it take, what would run: said on nodes, in the timeline, in the check.

import assert from 'node:assert/strict';
import { scene } from './page.mjs';

/** What is said below a node, as its tooltip; waited for. */
async function fate(node) {
  const button = node.locator('button.node-fate');
  await button.waitFor();
  return button.getAttribute('title');
}

/** Until a node says so below it. */
function says(desk, node, words) {
  return desk.until(words, () => fate(node), words);
}

async function runToTheEnd(desk) {
  const told = desk.page.waitForResponse(/\/api\/explain\//);
  await desk.run();
  await (await told).finished();
}

async function setNumber(desk, node, name, text) {
  await desk.field(node, 'slider', name).click();
  await desk.page.keyboard.type(text);
  await desk.page.keyboard.press('Enter');
}

export const insightScenes = [
  scene('each node says what happened to it and why', async (desk) => {
    const { page } = desk;
    const sampler = desk.node('KSampler');
    await setNumber(desk, sampler, 'steps', '2');
    // Scenes share a server: another one may have drawn the ready graph's own seed.
    await setNumber(desk, sampler, 'seed', '40414243');
    await runToTheEnd(desk);
    await says(desk, desk.node('VAE Decode'), 'ran: first time');
    const lora = desk.node('Load LoRA', 1);
    const strength = desk.field(lora, 'slider', 'strength_model');
    const before = await strength.getAttribute('aria-valuetext');
    await setNumber(desk, lora, 'strength_model', '0.35');
    await runToTheEnd(desk);
    const why = `ran because strength_model changed from ${Number(before)} to 0.35`;
    await says(desk, lora, why);
    await says(desk, desk.node('Load Checkpoint'), 'taken from the cache');
    await desk.node('Load Checkpoint').getByText('cached').waitFor();
    // A model strength encodes no text anew.
    await says(desk, desk.node('CLIP Text Encode (Prompt)'), 'taken from the cache');
    assert.match(await fate(sampler), /the result of 'Load LoRA' \(node 3\) is another one/);

    await sampler.locator('button.node-fate').click();
    const timeline = page.getByRole('region', { name: 'Timeline' });
    await timeline.getByText(/^4 ran in .*5 from the cache$/).waitFor();
    const rows = timeline.getByRole('row');
    assert.equal(await rows.count(), 5, 'a head and the nodes that ran');
    assert.match(await rows.nth(1).textContent(), /Load LoRA/);
    assert.ok(await rows.nth(2).locator('.timeline-bar').isVisible());
    await rows.nth(2).getByRole('button', { name: 'KSampler' }).click();
    await page.locator('.node.selected').waitFor();
    await page.keyboard.press('Escape');
    await desk.until('Escape closes it', () => timeline.count(), 0);
  }),

  scene('Check says what would run, and what is missing, and runs nothing', async (desk) => {
    const { page } = desk;
    await setNumber(desk, desk.node('KSampler'), 'cfg', '3.7');
    await page.keyboard.press('Control+Shift+Enter');
    const panel = page.getByRole('complementary', { name: 'Check' });
    await panel
      .getByText(/would run/)
      .first()
      .waitFor();
    await panel.getByRole('region', { name: 'What would run' }).waitFor();
    await panel.getByRole('button', { name: 'KSampler' }).click();
    await page.locator('.node.selected').waitFor();
    const saved = await desk.saved();
    saved.nodes[1].widgets_values[0] = 'gone.safetensors';
    await desk.drop('gone.json', JSON.stringify(saved));
    await page.getByText('gone', { exact: true }).waitFor();
    await panel.getByText('The workflow has changed since.').waitFor();
    await panel.getByRole('button', { name: 'Check again' }).click();
    const missing = panel.getByRole('region', { name: 'Files that are missing' });
    await missing.getByText('gone.safetensors is not in models/loras.').waitFor();
    assert.equal(await page.getByText('in queue').count(), 0);
    await panel.getByRole('button', { name: 'Close' }).click();
    await desk.until('it is closed', () => panel.count(), 0);
  }),

  scene('a run takes the seed that was checked', async (desk) => {
    const { page } = desk;
    const sampler = desk.node('KSampler');
    await setNumber(desk, sampler, 'steps', '1');
    await runToTheEnd(desk);
    await page.getByRole('button', { name: 'Check' }).click();
    const panel = page.getByRole('complementary', { name: 'Check' });
    const planned = await panel.getByText(/seed changed from 7 to/).textContent();
    await runToTheEnd(desk);
    assert.equal(await panel.count(), 0, 'the plan is over with the run');
    await desk.until(
      'it ran as planned',
      () => fate(sampler),
      planned?.replace('would run', 'ran'),
    );
  }),

  scene('on a narrow screen the menu opens both', async (desk) => {
    const { page } = desk;
    await page.setViewportSize({ width: 390, height: 844 });
    const choose = async (name) => {
      await page.getByRole('button', { name: 'Menu' }).click();
      await page.getByRole('menuitem', { name }).click();
    };
    await choose(/^Timeline of the last run/);
    await page.getByText('Run the workflow: then each node is here', { exact: false }).waitFor();
    await choose(/^Check without running/);
    const panel = page.getByRole('complementary', { name: 'Check' });
    await panel
      .getByText(/would run/)
      .first()
      .waitFor();
    const box = await panel.boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390, 'nothing hangs over the edge');
  }),
];
