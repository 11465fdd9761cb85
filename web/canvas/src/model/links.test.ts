// Connecting, refusing, replacing, and what deleting leaves behind.

import { describe, expect, it } from 'vitest';
import { added, chain, starter } from '../../test/graphs';
import { CATALOGUE } from '../../test/support';
import { removeNodes } from './commands';
import { EMPTY, linkInto } from './document';
import { bestInput, bestOutput, bridgeLinks, connect, mayConnect, moveLink } from './links';

describe('may this be connected?', () => {
  const doc = starter();

  it('an output fits an input of its type', () => {
    const verdict = mayConnect(
      doc,
      CATALOGUE,
      { node: '1', output: 0 },
      { node: '7', input: 'model' },
    );
    expect(verdict).toEqual({ ok: true });
  });

  it('another type is refused', () => {
    const verdict = mayConnect(
      doc,
      CATALOGUE,
      { node: '1', output: 1 },
      { node: '7', input: 'model' },
    );
    expect(verdict).toMatchObject({ ok: false, why: 'type' });
  });

  it('a circle is refused with its path', () => {
    const verdict = mayConnect(
      doc,
      CATALOGUE,
      { node: '3', output: 0 },
      { node: '2', input: 'model' },
    );
    expect(verdict).toEqual({ ok: false, why: 'cycle', nodes: ['3', '2', '3'] });
  });

  it('an input that the node does not have is refused', () => {
    const verdict = mayConnect(
      doc,
      CATALOGUE,
      { node: '1', output: 0 },
      { node: '7', input: 'nope' },
    );
    expect(verdict).toMatchObject({ ok: false, why: 'missing' });
  });
});

describe('links', () => {
  it('an input holds one link: connecting replaces', () => {
    const doc = connect(
      CATALOGUE,
      { node: '1', output: 0 },
      { node: '7', input: 'model' },
    )(starter());
    expect(linkInto(doc, '7', 'model')?.from).toBe('1');
    expect(doc.links.size).toBe(starter().links.size);
  });

  it('connecting what is connected changes nothing', () => {
    const doc = starter();
    expect(connect(CATALOGUE, { node: '3', output: 0 }, { node: '7', input: 'model' })(doc)).toBe(
      doc,
    );
  });

  it('a picked-up end moves to another input and frees the first', () => {
    const doc = starter();
    const link = linkInto(doc, '7', 'positive');
    if (!link) throw new Error('no link');
    const moved = moveLink(CATALOGUE, link, { node: '7', input: 'negative' })(doc);
    expect(linkInto(moved, '7', 'positive')).toBeUndefined();
    expect(linkInto(moved, '7', 'negative')?.from).toBe('4');
  });

  it('a drop on a node takes its first free fitting input', () => {
    const doc = added(starter(), 'KSampler');
    const from = { node: '4', output: 0 };
    expect(bestInput(doc, CATALOGUE, from, '10')).toEqual({ node: '10', input: 'positive' });
    const half = connect(CATALOGUE, from, { node: '10', input: 'positive' })(doc);
    expect(bestInput(half, CATALOGUE, from, '10')).toEqual({ node: '10', input: 'negative' });
    expect(bestInput(doc, CATALOGUE, { node: '8', output: 0 }, '10')).toBeNull();
  });

  it('an input is fed by the first fitting output of a node', () => {
    const doc = added(added(EMPTY, 'CheckpointLoaderSimple'), 'VAEDecode');
    expect(bestOutput(doc, CATALOGUE, { node: '2', input: 'vae' }, '1')).toEqual({
      node: '1',
      output: 2,
    });
  });

  it('deleting a node takes its links along', () => {
    const doc = removeNodes(['2'])(chain(3));
    expect([...doc.nodes.keys()]).toEqual(['1', '3']);
    expect(doc.links.size).toBe(0);
  });

  it('deleting and reconnecting joins the neighbours', () => {
    const doc = removeNodes(['2'])(bridgeLinks(CATALOGUE, '2')(chain(3)));
    expect(linkInto(doc, '3', 'model')?.from).toBe('1');
  });
});
