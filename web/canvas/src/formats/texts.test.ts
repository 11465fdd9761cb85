// Text on its way to the server.

import { describe, expect, it } from 'vitest';
import { starter } from '../../test/graphs';
import { CATALOGUE } from '../../test/support';
import { expandPrefix, expandPrompt } from './texts';

describe('dynamic prompts', () => {
  it.each([
    ['a {red|blue} cat', 0, 'a red cat'],
    ['a {red|blue} cat', 0.9, 'a blue cat'],
    ['{a|{b|c}}', 0.9, 'c'],
    ['x /* gone */ y // and this\nz', 0, 'x  y \nz'],
    ['\\{kept\\} \\| \\n', 0, '{kept} | \\n'],
    ['open { brace', 0, 'open { brace'],
  ])('%j', (text, random, expanded) => {
    expect(expandPrompt(text, () => random)).toBe(expanded);
  });
});

describe('file name prefixes', () => {
  const now = new Date(2026, 2, 5, 7, 8, 9);

  it.each([
    ['%date:yyyy-MM-dd hh.mm.ss%', '2026-03-05 07.08.09'],
    ['%date:yy M d h%', '26 3 5 7'],
    ['%KSampler.seed%', '7'],
    ['%CheckpointLoaderSimple.ckpt_name%', 'patchbay-starter.safetensors'],
    ['%width%x%height%', '%width%x%height%'],
    ['%Nobody.seed%', '%Nobody.seed%'],
  ])('%s', (prefix, expanded) => {
    expect(expandPrefix(prefix, starter(), CATALOGUE, now)).toBe(expanded);
  });
});
