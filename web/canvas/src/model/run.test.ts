// Messages of the server, in the order of a run, and what is known after each.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from './json';
import { catchUp, forgetNode, IDLE, isEnd, type RunState, receive, submitted } from './run';

const sent = submitted(IDLE, 'p', []);

function play(state: RunState, ...messages: [string, JsonObject][]): RunState {
  return messages.reduce(
    (next, [type, data], i) => receive(next, { type, data: { prompt_id: 'p', ...data } }, i * 100),
    state,
  );
}

const image = { filename: 'a.png', subfolder: '', type: 'output' };

describe('a run', () => {
  it('shows cached nodes, progress and pictures, and ends', () => {
    const half = play(
      sent,
      ['execution_start', {}],
      ['execution_cached', { nodes: ['1'] }],
      ['executing', { node: '2', display_node: '2' }],
      ['progress', { node: '2', value: 5, max: 20 }],
    );
    expect(half.nodes.get('1')?.phase).toBe('cached');
    expect(half.nodes.get('2')).toMatchObject({ phase: 'running', value: 5, max: 20 });
    const done = play(
      half,
      ['executing', { node: '3', display_node: '3' }],
      ['executed', { node: '3', output: { images: [image] } }],
      ['execution_success', {}],
      ['executing', { node: null }],
    );
    expect(done.nodes.get('2')?.phase).toBe('done');
    expect(done.pictures.get('3')).toEqual([image]);
    expect(done.jobs.size).toBe(0);
    expect(done.current).toBeNull();
  });

  it('knows how long a node took', () => {
    const state = play(
      sent,
      ['execution_start', {}],
      ['executing', { node: '2', display_node: '2' }],
      ['progress', { node: '2', value: 1, max: 2 }],
      ['executing', { node: null }],
    );
    expect(state.nodes.get('2')?.took).toBe(200);
  });

  it('an error marks its node and stays until the node changes', () => {
    const state = play(sent, [
      'execution_error',
      { node_id: '2', exception_message: 'No file.\n' },
    ]);
    expect(state.problems).toMatchObject([{ node: '2', message: 'No file.' }]);
    expect(state.nodes.get('2')?.phase).toBe('error');
    expect(forgetNode(state, '3').problems).toHaveLength(1);
    const mended = forgetNode(state, '2');
    expect(mended.problems).toEqual([]);
    expect(mended.nodes.has('2')).toBe(false);
  });

  it('a stopped job leaves no node running', () => {
    const state = play(
      sent,
      ['execution_start', {}],
      ['executing', { node: '2', display_node: '2' }],
      ['execution_interrupted', {}],
    );
    expect(state.nodes.size).toBe(0);
    expect(state.jobs.size).toBe(0);
  });

  it("other people's prompts change only the queue count", () => {
    const state = play(sent, ['executing', { prompt_id: 'other', node: '2', display_node: '2' }]);
    expect(state).toBe(sent);
    const counted = play(sent, ['status', { status: { exec_info: { queue_remaining: 3 } } }]);
    expect(counted.queue).toBe(3);
  });

  it('a job that ended while the connection was away is read from its history', () => {
    const entry = { outputs: { '9': { images: [image] } }, status: { messages: [] } };
    const state = catchUp(play(sent, ['execution_start', {}]), 'p', entry, 0);
    expect(state.pictures.get('9')).toEqual([image]);
    expect(state.jobs.size).toBe(0);
  });

  it('ends with the message that nothing is executing', () => {
    expect(isEnd({ type: 'executing', data: { node: null, prompt_id: 'p' } })).toBe(true);
    expect(isEnd({ type: 'executing', data: { node: '1', prompt_id: 'p' } })).toBe(false);
    expect(isEnd({ type: 'execution_success', data: { prompt_id: 'p' } })).toBe(false);
  });
});
