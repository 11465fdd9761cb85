// The real server for the scenes: an empty base directory with the models in it, a free port.
//
// PATCHBAY_PYTHON   the interpreter (default: python)
// PATCHBAY_MODELS   the models folder (default: the repository's)

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const REPOSITORY = resolve(import.meta.dirname, '../../../..');
const MODELS = resolve(process.env.PATCHBAY_MODELS ?? join(REPOSITORY, 'models'));
const PYTHON = process.env.PATCHBAY_PYTHON ?? 'python';
const START_LIMIT_MS = 120_000;

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

async function answers(url) {
  try {
    const response = await fetch(`${url}/api/object_info`);
    return response.ok && 'KSampler' in (await response.json());
  } catch {
    return false;
  }
}

/** A server that can be stopped and started again on the same port and folders. */
export class Server {
  constructor(port) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.base = mkdtempSync(join(tmpdir(), 'patchbay-scenes-'));
    symlinkSync(MODELS, join(this.base, 'models'));
  }

  async start() {
    const args = ['main.py', '--port', String(this.port), '--base-directory', this.base];
    const child = spawn(PYTHON, args, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => {
      said = (said + text).slice(-4000);
    });
    child.on('error', (error) => {
      said += error.message;
    });
    this.child = child;
    const limit = Date.now() + START_LIMIT_MS;
    while (!(await answers(this.url))) {
      if (child.exitCode !== null || Date.now() > limit) {
        throw new Error(`The server did not start with ${PYTHON}: ${said}`);
      }
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  async stop() {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGINT');
    const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(hard);
  }

  async remove() {
    await this.stop();
    rmSync(this.base, { recursive: true, force: true });
  }
}

export async function newServer() {
  return new Server(await freePort());
}
