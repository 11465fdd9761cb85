// The acceptance scenes: Chromium against the real server. A scene fails on any console error or
// warning of its page. PATCHBAY_CHROMIUM names the browser (default: /usr/bin/chromium).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { connectingScenes } from './connecting.mjs';
import { editingScenes } from './editing.mjs';
import { fileScenes } from './files.mjs';
import { firstStartScenes } from './first-start.mjs';
import { insightScenes } from './insight.mjs';
import { Desk, PATIENCE_MS } from './page.mjs';
import { problemScenes } from './problems.mjs';
import { scaleScenes } from './scale.mjs';
import { newServer } from './server.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const VIEWPORT = { width: 1440, height: 900 };

const SCENES = [
  ...firstStartScenes,
  ...connectingScenes,
  ...editingScenes,
  ...fileScenes,
  ...problemScenes,
  ...insightScenes,
  ...scaleScenes,
];

describe('scenes', { concurrency: 1 }, () => {
  let server;
  let browser;

  before(async () => {
    server = await newServer();
    await server.start();
    const executablePath = process.env.PATCHBAY_CHROMIUM ?? '/usr/bin/chromium';
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });

  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  async function perform({ play, allowed }) {
    const context = await browser.newContext({ viewport: VIEWPORT, acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const noise = [];
    page.on('pageerror', (error) => noise.push(error.message));
    page.on('console', (line) => {
      const bad = line.type() === 'error' || line.type() === 'warning';
      if (bad && !allowed(line)) noise.push(`${line.type()}: ${line.text()}`);
    });
    try {
      await page.goto(server.url);
      await page.getByRole('group', { name: /^KSampler,/ }).waitFor();
      await play(new Desk(page), server);
      assert.deepEqual(noise, [], 'the console stays empty');
    } finally {
      await context.close();
    }
  }

  for (const scene of SCENES) test(scene.name, () => perform(scene));
});
