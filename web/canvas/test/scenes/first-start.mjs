// The main job: the page opens with the ready graph, and Run draws a picture.

import assert from 'node:assert/strict';
import { PATIENCE_MS, scene } from './page.mjs';

const TITLES = [
  'Load Checkpoint',
  'Load LoRA',
  'Load LoRA',
  'CLIP Text Encode (Prompt)',
  'CLIP Text Encode (Prompt)',
  'Empty Latent Image',
  'KSampler',
  'VAE Decode',
  'Save Image',
];

/** How many different colours a shown picture has, at most 1000. */
function colours(image) {
  return image.evaluate(async (element) => {
    await element.decode();
    const canvas = document.createElement('canvas');
    canvas.width = element.naturalWidth;
    canvas.height = element.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(element, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length && found.size < 1000; i += 4) {
      found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    }
    return found.size;
  });
}

async function seed(desk) {
  return desk.field(desk.node('KSampler'), 'slider', 'seed').getAttribute('aria-valuetext');
}

export const firstStartScenes = [
  scene('the page opens with the ready graph and one line of help', async (desk) => {
    const { page } = desk;
    assert.deepEqual(await page.locator('.node-title').allTextContents(), TITLES);
    assert.equal(await desk.links(), 13);
    await page.getByText('Press Run to draw a picture.', { exact: false }).waitFor();
    const prompt = desk.node('CLIP Text Encode (Prompt)').getByRole('textbox', { name: 'text' });
    assert.match(
      await prompt.inputValue(),
      /a large red star above a small blue ring on a yellow background/,
    );
    const loras = page.getByRole('combobox', { name: 'lora_name' });
    assert.deepEqual(await loras.allTextContents(), [
      'lora_namestarter-outline',
      'lora_namestarter-detail',
    ]);
  }),

  scene('Run shows progress and a preview, then the picture in the node', async (desk) => {
    const { page } = desk;
    const sampler = desk.node('KSampler');
    await desk.run();
    const bar = sampler.getByRole('progressbar');
    await bar.and(page.locator('[aria-valuemax="20"]')).waitFor();
    await sampler.getByAltText('Preview').waitFor();
    await desk.until(
      'the tab shows the run',
      async () => /^\[\d+%\] KSampler · Starter/.test(await page.title()),
      true,
    );
    const picture = desk.node('Save Image').getByAltText('Result of Save Image');
    await picture.waitFor();
    assert.deepEqual(
      await picture.evaluate(async (image) => {
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];
      }),
      [128, 128],
    );
    assert.ok((await colours(picture)) > 10, 'the picture shows something');
    await desk.until('the run ends', () => page.getByRole('progressbar').count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Stop' }).isDisabled(), true);
  }),

  scene('a second run draws a new seed and takes the loaders from the cache', async (desk) => {
    const { page } = desk;
    const before = await seed(desk);
    await desk.run();
    const picture = desk.node('Save Image').getByAltText('Result of Save Image');
    await picture.waitFor();
    await desk.until('the run ends', () => page.getByRole('progressbar').count(), 0);
    assert.equal(await seed(desk), before, 'the first run takes the seed as it is');
    const first = await picture.getAttribute('src');
    await page.keyboard.press('Control+Enter');
    await desk.until(
      'a new picture',
      async () => (await picture.getAttribute('src')) !== first,
      true,
    );
    assert.notEqual(await seed(desk), before);
    await desk.node('Load Checkpoint').getByText('cached').waitFor();
  }),

  scene('Stop ends a long run', async (desk) => {
    const { page } = desk;
    const steps = desk.field(desk.node('KSampler'), 'slider', 'steps');
    await steps.click();
    await page.keyboard.type('5000');
    await page.keyboard.press('Enter');
    await desk.run();
    await desk
      .node('KSampler')
      .getByRole('progressbar')
      .and(page.locator('[aria-valuemax="5000"]'))
      .waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await desk.until('nothing runs', () => page.getByRole('progressbar').count(), 0);
    await desk.until('the queue is empty', () => page.getByText('in queue').count(), 0);
    assert.equal(await desk.node('Save Image').getByRole('img').count(), 0);
  }),

  scene(
    'a server that goes away and comes back is seen, and the work goes on',
    async (desk, server) => {
      const { page } = desk;
      await server.stop();
      await page.getByText('Reconnecting…').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), true);
      await desk.node('KSampler').click();
      await page.keyboard.press('Delete');
      assert.equal(await desk.nodes(), 8, 'editing goes on');
      await server.start();
      await page
        .getByRole('status', { name: /./ })
        .or(page.getByText('Connected'))
        .first()
        .waitFor();
      await desk.until(
        'Run is there again',
        () =>
          page
            .getByRole('button', { name: 'Run', exact: true })
            .isEnabled({ timeout: PATIENCE_MS }),
        true,
      );
    },
    {
      allowed: (line) =>
        /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/.test(line.text()),
    },
  ),
];
