// What the node search finds first, and what a dropped cable leaves of it.

import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../test/support';
import { searchNodes } from './search';

function titles(query: string, filter: Parameters<typeof searchNodes>[2] = null): string[] {
  return searchNodes(CATALOGUE, query, filter).map((def) => def.title);
}

describe('node search', () => {
  it('two letters find the sampler first', () => {
    expect(titles('ks')[0]).toBe('KSampler');
  });

  it('every word must be found', () => {
    expect(titles('load lora')).toEqual(['Load LoRA']);
    expect(titles('load zebra')).toEqual([]);
  });

  it('finds by class name too', () => {
    expect(titles('vaedecode')).toEqual(['VAE Decode']);
  });

  it('a cable from an output offers nodes that take it', () => {
    expect(titles('', { side: 'input', type: 'LATENT' })).toEqual(['KSampler', 'VAE Decode']);
  });

  it('a cable from an input offers nodes that give it', () => {
    expect(titles('', { side: 'output', type: 'MODEL' })).toEqual(['Load Checkpoint', 'Load LoRA']);
  });
});
