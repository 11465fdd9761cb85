// What the scenes do with a page, in the words of a person: nodes by title, sockets and fields by name.

import assert from 'node:assert/strict';

/** Longer than any honest answer on a small busy machine. */
export const PATIENCE_MS = Number(process.env.PATCHBAY_PATIENCE_MS ?? 60_000);

/**
 * A scene: what it shows and how it is played, with a page of its own. `allowed` are console lines
 * that the scene itself provokes; any other error or warning fails it.
 */
export function scene(name, play, { allowed = () => false } = {}) {
  return { name, play, allowed };
}

export class Desk {
  constructor(page) {
    this.page = page;
  }

  /** A node by its title; `nth` tells those of one title apart. */
  node(title, nth = 0) {
    return this.page
      .getByRole('group', { name: new RegExp(`^${title.replace(/[()]/g, '\\$&')},`) })
      .nth(nth);
  }

  input(node, name) {
    return node.getByRole('button', { name: new RegExp(`^input ${name},`) });
  }

  output(node, name) {
    return node.getByRole('button', { name: new RegExp(`^output ${name},`) });
  }

  field(node, role, name) {
    return node.getByRole(role, { name, exact: true });
  }

  async links() {
    return this.page.locator('.react-flow__edge').count();
  }

  async nodes() {
    return this.page.locator('.react-flow__node').count();
  }

  async middleOf(locator) {
    const box = await locator.boundingBox();
    assert.ok(box, 'the thing to point at is on the screen');
    return [box.x + box.width / 2, box.y + box.height / 2];
  }

  /** Drag with the mouse from one thing to another, or to a point on the screen. */
  async drag(from, to) {
    const [x, y] = await this.middleOf(from);
    const [toX, toY] = Array.isArray(to) ? to : await this.middleOf(to);
    await this.page.mouse.move(x, y);
    await this.page.mouse.down();
    await this.page.mouse.move((x + toX) / 2, (y + toY) / 2, { steps: 4 });
    await this.page.mouse.move(toX, toY, { steps: 4 });
    await this.page.mouse.up();
  }

  async run() {
    await this.page.getByRole('button', { name: 'Run', exact: true }).click();
  }

  async undo() {
    await this.page.getByRole('button', { name: 'Undo' }).click();
  }

  /** Wait until a question about the page has this answer. */
  async until(what, ask, wanted) {
    const limit = Date.now() + PATIENCE_MS;
    let got;
    do {
      got = await ask();
      if (got === wanted) return;
      await this.page.waitForTimeout(50);
    } while (Date.now() < limit);
    assert.equal(got, wanted, what);
  }

  /** The text of the workflow as it would be saved. */
  async saved() {
    const download = this.page.waitForEvent('download');
    await this.page.keyboard.press('Control+s');
    const path = await (await download).path();
    const { readFile } = await import('node:fs/promises');
    return JSON.parse(await readFile(path, 'utf8'));
  }

  /** Drop a file on the canvas, as from the desktop. */
  async drop(name, text, type = 'application/json') {
    const transfer = await this.page.evaluateHandle(
      ([fileName, content, mime]) => {
        const data = new DataTransfer();
        data.items.add(new File([content], fileName, { type: mime }));
        return data;
      },
      [name, text, type],
    );
    await this.page.locator('main').dispatchEvent('drop', { dataTransfer: transfer });
  }
}
