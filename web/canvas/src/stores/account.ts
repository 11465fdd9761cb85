// What became of the nodes in the last run of the open document: asked of the server when it ends.

import { create } from 'zustand';
import { type JobAccount, type NodeAccount, readAccount } from '../model/account';
import type { NodeId } from '../model/document';
import * as http from '../server/http';
import { toast } from './ui';

interface AccountStore {
  /** Prompts of the open document whose end is awaited. */
  readonly awaited: ReadonlySet<string>;
  readonly account: JobAccount | null;
  /** No run has begun since: the nodes show what it says. */
  readonly latest: boolean;
}

const NOTHING: AccountStore = { awaited: new Set(), account: null, latest: false };

export const useAccount = create<AccountStore>(() => NOTHING);

function without(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  return new Set([...ids].filter((one) => one !== id));
}

export function awaitAccount(prompt: string): void {
  useAccount.setState(({ awaited }) => ({ awaited: new Set([...awaited, prompt]) }));
}

/** A run begins: what is known is about an older one. */
export function outdateAccount(): void {
  useAccount.setState({ latest: false });
}

/** Another document was opened. */
export function forgetAccounts(): void {
  useAccount.setState(NOTHING);
}

/** The end of a prompt is on the server's disk. `running` is what runs here by now, if anything. */
export async function learnAccount(prompt: string, running: string | null): Promise<void> {
  if (!useAccount.getState().awaited.has(prompt)) return;
  try {
    const account = readAccount(await http.getExplanation(prompt));
    if (!useAccount.getState().awaited.has(prompt)) return;
    useAccount.setState({ account, latest: running === null || running === prompt });
  } catch (error) {
    toast((error as Error).message, 'error');
  } finally {
    useAccount.setState(({ awaited }) => ({ awaited: without(awaited, prompt) }));
  }
}

export function useNodeAccount(id: NodeId): NodeAccount | undefined {
  return useAccount(({ latest, account }) => (latest ? account?.nodes.get(id) : undefined));
}
