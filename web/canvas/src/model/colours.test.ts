// Type colours: the table of the specification is what theme.css holds.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hueOf, typeColour } from './colours';

const css = readFileSync(resolve(import.meta.dirname, '../theme.css'), 'utf8');
const [dark = '', light = ''] = css.split('[data-theme="light"]');

describe('type colours', () => {
  it.each([
    ['MODEL', '#c2a7f4', '#8160b5'],
    ['CLIP', '#cdb760', '#8d7200'],
    ['VAE', '#f69b98', '#b45151'],
    ['CONDITIONING', '#eba66d', '#aa5f04'],
    ['LATENT', '#ea9bc7', '#a85186'],
    ['IMAGE', '#80bdfb', '#2d78bd'],
    ['MASK', '#82cb92', '#2d8949'],
    ['CONTROL_NET', '#5fceb3', '#008c70'],
    ['STYLE_MODEL', '#54c9e3', '#0086a4'],
    ['SIGMAS', '#4fcdcd', '#008b8c'],
    ['STRING', '#a7c474', '#638119'],
    ['VIDEO', '#9fb3fe', '#5a6dc0'],
    ['INT', '#bdb5b7', '#7a7274'],
  ])('%s is %s on dark, %s on light', (type, onDark, onLight) => {
    const variable = /var\((--[\w-]+)\)/.exec(typeColour(type))?.[1] ?? '';
    expect(dark).toContain(`${variable}: ${onDark};`);
    expect(light).toContain(`${variable}: ${onLight};`);
  });

  it('any other type gets one of 24 hues from its name, whatever its case', () => {
    expect(hueOf('Foo')).toBe(hueOf('FOO'));
    expect(hueOf('FOO') % 15).toBe(0);
    expect(typeColour('FOO')).toContain(`${hueOf('FOO')}`);
    expect(hueOf('FOO')).not.toBe(hueOf('BAR'));
  });

  it('a union has the colour of its first member', () => {
    expect(typeColour('MASK,IMAGE')).toBe(typeColour('MASK'));
  });
});
