// Which sockets fit, as a table; and cycles.

import { describe, expect, it } from 'vitest';
import { chain } from '../../test/graphs';
import { compatible, cycleClosedBy } from './compat';

describe('compatible types', () => {
  it.each([
    ['MODEL', 'MODEL', true],
    ['model', 'MODEL', true],
    ['MODEL', 'CLIP', false],
    ['*', 'CLIP', true],
    ['CLIP', '*', true],
    ['INT,FLOAT', 'FLOAT', true],
    ['INT,FLOAT', 'STRING,int', true],
    ['INT,FLOAT', 'STRING', false],
    ['INT', 'FLOAT', false],
    ['COMBO', 'COMBO', true],
    ['COMBO', 'STRING', false],
  ])('%s and %s: %s', (a, b, fits) => {
    expect(compatible(a, b)).toBe(fits);
    expect(compatible(b, a)).toBe(fits);
  });
});

describe('cycles', () => {
  it('names the nodes of the circle that a link would close', () => {
    expect(cycleClosedBy(chain(3), '3', '1')).toEqual(['3', '1', '2', '3']);
  });

  it('a node cannot feed itself', () => {
    expect(cycleClosedBy(chain(1), '1', '1')).toEqual(['1', '1']);
  });

  it('a shortcut along the way is no circle', () => {
    expect(cycleClosedBy(chain(3), '1', '3')).toBeNull();
  });
});
