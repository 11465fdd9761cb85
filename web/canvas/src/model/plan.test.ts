// The answer of POST /plan as the canvas shows it.

import { expect, it } from 'vitest';
import { readPlan } from './plan';

it('says what would run, what is missing and what is expected', () => {
  const plan = readPlan({
    plan: {
      run: [{ node_id: '7', title: 'KSampler', text: 'would run: first time', seconds: 1.5 }],
      cached: ['1', '2'],
      problems: [{ node_id: '3', type: 'LoraError', message: 'It fits nothing.' }],
      missing_models: [
        { node_id: '2', input: 'lora_name', name: 'a.safetensors', kind: 'loras' },
        { node_id: '5', input: 'image', name: 'x.png', kind: 'input' },
      ],
      notes: { '2': { lora: [{}], warnings: ['Applied in part.'] } },
      expected: { seconds: 1.5, peak_bytes: 1000, unknown: ['VAEDecode'] },
    },
    node_errors: {},
  });
  expect(plan).toEqual({
    run: [{ node: '7', title: 'KSampler', text: 'would run: first time', seconds: 1.5 }],
    cached: 2,
    missing: [
      { node: '2', text: 'a.safetensors is not in models/loras.' },
      { node: '5', text: 'x.png is not in the input folder.' },
    ],
    problems: [{ node: '3', text: 'It fits nothing.' }],
    warnings: [{ node: '2', text: 'Applied in part.' }],
    seconds: 1.5,
    peak: 1000,
    unknown: ['VAEDecode'],
  });
});

it('a problem of the whole graph belongs to no node', () => {
  const plan = readPlan({ plan: { problems: [{ node_id: null, message: 'No outputs.' }] } });
  expect(plan?.problems).toEqual([{ node: null, text: 'No outputs.' }]);
  expect(plan).toMatchObject({ run: [], cached: 0, seconds: 0, peak: null, unknown: [] });
});

it('a refusal is no plan', () => {
  expect(readPlan({ error: { type: 'worker_unavailable' } })).toBeNull();
});
