// Refusals of the server in words.

import { describe, expect, it } from 'vitest';
import { promptProblems } from './problems';

function refusal(type: string, error: object): Parameters<typeof promptProblems>[0] {
  const node_errors = { '7': { class_type: 'X', errors: [{ type, ...error }] } };
  return { error: { type: 'prompt_outputs_failed_validation' }, node_errors };
}

describe('problems of a prompt', () => {
  it.each([
    ['required_input_missing', { extra_info: { input_name: 'model' } }, /“model” is not connected/],
    [
      'value_not_in_list',
      { extra_info: { input_name: 'lora_name', received_value: 'x.safetensors' } },
      /“lora_name”: 'x\.safetensors' is not on offer/,
    ],
    [
      'value_bigger_than_max',
      { message: 'Value 9 bigger than max of 1', extra_info: { input_name: 'denoise' } },
      /“denoise” is too large\. Value 9 bigger than max of 1/,
    ],
    [
      'custom_validation_failed',
      { message: 'Custom validation failed', details: 'image - gone' },
      /image - gone/,
    ],
  ])('%s names its node, its input and what to do', (type, error, words) => {
    const [problem] = promptProblems(refusal(type, error));
    expect(problem?.node).toBe('7');
    expect(problem?.message).toMatch(words);
  });

  it('a missing class is named', () => {
    const extra_info = { node_id: '4', class_type: 'Zoom', node_title: '' };
    const [problem] = promptProblems({
      error: { type: 'missing_node_type', extra_info },
      node_errors: {},
    });
    expect(problem).toMatchObject({ node: '4', message: 'This server has no node called Zoom.' });
  });

  it('a graph without results is told what it lacks', () => {
    const [problem] = promptProblems({ error: { type: 'prompt_no_outputs' }, node_errors: {} });
    expect(problem?.advice).toMatch(/Save Image/);
  });

  it('an accepted prompt has none', () => {
    expect(promptProblems({ prompt_id: 'x', node_errors: {} })).toEqual([]);
  });
});
