// Runs of the open document: sends prompts, follows them over the websocket, keeps previews. The
// rules of how messages change what is known are in model/run.ts.

import { create } from 'zustand';
import { t } from '../i18n';
import type { NodeId } from '../model/document';
import { type Problem, plainProblem, promptProblems } from '../model/problems';
import { catchUp, forgetNode, IDLE, isEnd, type RunState, receive, submitted } from '../model/run';
import type { LastRun } from '../model/seeds';
import * as http from '../server/http';
import type { Preview } from '../server/messages';
import { CLIENT_ID, keepConnected } from '../server/socket';
import { awaitAccount, forgetAccounts, learnAccount, outdateAccount, useAccount } from './account';
import { reloadCatalogue } from './catalog';
import { amend, type currentDoc, useDocument } from './document';
import { closePlan } from './plan';
import { prepare } from './sending';
import { toast, useUi } from './ui';

interface RunStore extends RunState {
  readonly connection: 'connecting' | 'open' | 'lost';
  /** Object URLs of the latest preview per node. */
  readonly previews: ReadonlyMap<NodeId, string>;
  readonly lastRun: LastRun;
  readonly sending: boolean;
  /** Messages can overtake the answer to POST /prompt: those of its prompt wait here. */
  readonly early: readonly Early[];
}

interface Early {
  readonly prompt: string;
  readonly play: () => void;
}

const EARLY_LIMIT = 200;

export const useRun = create<RunStore>(() => ({
  ...IDLE,
  connection: 'connecting',
  previews: new Map(),
  lastRun: new Map(),
  sending: false,
  early: [],
}));

function apply(change: (state: RunState) => RunState): void {
  useRun.setState((state) => change(state));
}

export function showProblems(problems: readonly Problem[]): void {
  useRun.setState({ problems });
  if (problems.length > 0) useUi.setState({ problemsOpen: true });
}

function dropPreviews(): void {
  const { previews } = useRun.getState();
  for (const url of previews.values()) URL.revokeObjectURL(url);
  if (previews.size > 0) useRun.setState({ previews: new Map() });
}

function showPreview({ node, prompt, image }: Preview): void {
  const state = useRun.getState();
  if (!state.jobs.has(prompt)) return;
  const old = state.previews.get(node);
  const previews = new Map(state.previews).set(node, URL.createObjectURL(image));
  useRun.setState({ previews });
  // The old frame is on screen until the new one is decoded: it goes a moment later.
  if (old) window.setTimeout(() => URL.revokeObjectURL(old), 1000);
}

/** Send the open document to the server. */
export async function run(): Promise<void> {
  const state = useRun.getState();
  if (state.connection !== 'open') return toast(t('run.offline'), 'error');
  if (state.sending) return;
  const { body, drawn, problems: unsupported } = prepare(state.lastRun);
  if (unsupported.length > 0) return showProblems(unsupported);
  amend(drawn.doc);
  closePlan();
  useRun.setState({ sending: true });
  try {
    const { id, answer } = await http.postPrompt(body);
    const problems = promptProblems(answer);
    if (id !== null) {
      useRun.setState({ lastRun: drawn.last });
      apply((now) => submitted(now, id, problems));
      awaitAccount(id);
      flushEarly(id);
    }
    showProblems(problems);
  } catch (error) {
    showProblems([plainProblem((error as Error).message, t('problem.server.advice'))]);
  } finally {
    useRun.setState({ sending: false });
  }
}

/** Stop the running job of this document and drop those that wait. */
export async function stop(): Promise<void> {
  const { current, jobs } = useRun.getState();
  try {
    await http.postQueueDelete([...jobs].filter((id) => id !== current));
    await http.postInterrupt(current);
    apply((state) => ({ ...state, jobs: new Set(current ? [current] : []) }));
  } catch (error) {
    toast((error as Error).message, 'error');
  }
}

function flushEarly(prompt: string): void {
  const mine = useRun.getState().early.filter((one) => one.prompt === prompt);
  useRun.setState({ early: [] });
  for (const one of mine) one.play();
}

function whenKnown(prompt: string, play: () => void): void {
  const { jobs, sending, early } = useRun.getState();
  const { awaited } = useAccount.getState();
  if (jobs.has(prompt) || awaited.has(prompt) || prompt === '') play();
  else if (sending) useRun.setState({ early: [...early.slice(-EARLY_LIMIT), { prompt, play }] });
}

/** After a gap: ask what became of the jobs, do not assume. */
async function recover(): Promise<void> {
  const jobs = [...useRun.getState().jobs];
  if (jobs.length === 0) return;
  try {
    const queued = await http.getQueue();
    for (const id of jobs) {
      const entry = await http.getHistory(id);
      if (entry) {
        apply((state) => catchUp(state, id, entry, performance.now()));
        void learnAccount(id, useRun.getState().current);
      } else if (!queued.has(id)) {
        apply((state) => {
          const left = new Set(state.jobs);
          left.delete(id);
          return { ...state, jobs: left, current: state.current === id ? null : state.current };
        });
        showProblems([plainProblem(t('problem.lost'), t('problem.lost.advice'))]);
      }
    }
  } catch (error) {
    toast((error as Error).message, 'error');
  }
}

function begin(): void {
  dropPreviews();
  outdateAccount();
}

/** Connect to the server and follow the open document; call once. */
export function startRuns(): () => void {
  const disconnect = keepConnected(CLIENT_ID, {
    opened: (again) => {
      useRun.setState({ connection: 'open' });
      if (again) void recover().then(reloadCatalogue);
    },
    lost: () => useRun.setState({ connection: 'lost' }),
    message: (message) => {
      const prompt = String(message.data.prompt_id ?? '');
      whenKnown(prompt, () => {
        apply((state) => receive(state, message, performance.now()));
        if (message.type === 'execution_error') useUi.setState({ problemsOpen: true });
        if (message.type === 'execution_start') begin();
        if (isEnd(message)) void learnAccount(prompt, useRun.getState().current);
      });
    },
    preview: (preview) => whenKnown(preview.prompt, () => showPreview(preview)),
  });
  const unfollow = useDocument.subscribe((now, before) => {
    if (now.generation !== before.generation) {
      dropPreviews();
      forgetAccounts();
      useRun.setState({ ...IDLE, queue: useRun.getState().queue, lastRun: new Map() });
      return;
    }
    forgetChanged(now.history.present.nodes, before.history.present.nodes);
  });
  return () => {
    unfollow();
    disconnect();
  };
}

type Nodes = ReturnType<typeof currentDoc>['nodes'];

function forgetChanged(now: Nodes, before: Nodes): void {
  const { problems } = useRun.getState();
  const marked = new Set(problems.map((problem) => problem.node));
  for (const id of marked) {
    if (id !== null && now.get(id)?.body !== before.get(id)?.body) {
      apply((state) => forgetNode(state, id));
    }
  }
}
