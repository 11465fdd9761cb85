// What went wrong, in words: one card per problem, with its node and what to do about it.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { Problem } from '../model/problems';
import { useRun } from '../stores/run';
import { useUi } from '../stores/ui';
import { NodeLink } from './NodeLink';

function Card({ problem }: { problem: Problem }): ReactElement {
  const { node, message, advice, detail } = problem;
  return (
    <li className="problem">
      <NodeLink node={node} />
      <p className="problem-message">{message}</p>
      {advice && <p className="problem-advice">{advice}</p>}
      {detail && detail !== message && (
        <details>
          <summary>{t('problem.details')}</summary>
          <pre>{detail}</pre>
        </details>
      )}
    </li>
  );
}

export function Problems(): ReactElement | null {
  const open = useUi((state) => state.problemsOpen);
  const problems = useRun((state) => state.problems);
  if (!open || problems.length === 0) return null;
  return (
    <aside className="problems" aria-label={t('problem.title')}>
      <header>
        <h2>
          {t(problems.length === 1 ? 'problem.one' : 'problem.count', { n: problems.length })}
        </h2>
        <button
          type="button"
          className="icon-button"
          aria-label={t('close')}
          onClick={() => useUi.setState({ problemsOpen: false })}
        >
          <Icon name="close" />
        </button>
      </header>
      <ul>
        {problems.map((problem) => (
          <Card problem={problem} key={`${problem.node} ${problem.input} ${problem.message}`} />
        ))}
      </ul>
    </aside>
  );
}
