// Below a node, quietly: what happened to it in the last run, and why on demand.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import type { NodeAccount } from '../model/account';
import { secondsText } from '../model/amounts';
import type { NodeId } from '../model/document';
import type { NodeRun } from '../model/run';
import { useNodeAccount } from '../stores/account';
import { useRun } from '../stores/run';
import { useUi } from '../stores/ui';

/** What the messages of a run tell, until its account is there. */
export function endText(run: NodeRun | undefined): string {
  if (run?.phase === 'cached') return t('node.cached');
  return run?.phase === 'done' && run.took !== null ? secondsText(run.took / 1000) : '';
}

function fateText(account: NodeAccount, run: NodeRun | undefined): string {
  switch (account.fate) {
    case 'ran':
      return account.seconds === null ? endText(run) : secondsText(account.seconds);
    case 'cached':
      return t('node.cached');
    case 'not needed':
      return t('fate.idle');
    case 'not reached':
      return t('fate.unreached');
    case 'failed':
      return ''; // the header and the problem say so
  }
}

export function NodeFate({ id }: { id: NodeId }): ReactElement | null {
  const run = useRun((state) => state.nodes.get(id));
  const account = useNodeAccount(id);
  if (run?.phase === 'running') return null;
  const words = account ? fateText(account, run) : endText(run);
  if (words === '') return null;
  const cached = account ? account.fate === 'cached' : run?.phase === 'cached';
  const look = `node-fate ${cached ? 'cached' : ''}`;
  if (!account) return <span className={look}>{words}</span>;
  return (
    <button
      type="button"
      className={`${look} nodrag nopan`}
      title={account.text}
      aria-label={`${words}: ${t('fate.open', { text: account.text })}`}
      onClick={() => useUi.setState({ timelineOpen: true })}
    >
      {words}
    </button>
  );
}
