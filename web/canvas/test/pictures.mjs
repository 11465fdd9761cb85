// Takes the README's pictures of the canvas: the ready graph after a run, dark and light.
//
//     npm run pictures
//
// Writes docs/images/canvas.png and canvas-light.png. Uses the same server and browser as the scenes.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { Desk, PATIENCE_MS } from './scenes/page.mjs';
import { newServer } from './scenes/server.mjs';

const IMAGES = resolve(import.meta.dirname, '../../../docs/images');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'];

async function take(browser, url, theme, file) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript((name) => localStorage.setItem('patchbay.theme', name), theme);
  await page.goto(url);
  const desk = new Desk(page);
  await desk.node('KSampler').waitFor();
  await desk.run();
  await desk.node('Save Image').getByAltText('Result of Save Image').waitFor();
  await desk.until('the run ends', () => page.getByRole('progressbar').count(), 0);
  // The picture fades in; so does whatever else moves.
  await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished)));
  await page.screenshot({ path: join(IMAGES, file) });
  await page.close();
}

mkdirSync(IMAGES, { recursive: true });
const server = await newServer();
await server.start();
const executablePath = process.env.PATCHBAY_CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
  await take(browser, server.url, 'dark', 'canvas.png');
  await take(browser, server.url, 'light', 'canvas-light.png');
} finally {
  await browser.close();
  await server.remove();
}
