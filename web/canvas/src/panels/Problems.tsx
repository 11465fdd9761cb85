// What went wrong, in words: one card per problem, with its node and what to do about it.

import { useReactFlow } from '@xyflow/react';
import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { NodeId } from '../model/document';
import type { Problem } from '../model/problems';
import { shapeOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useDocument } from '../stores/document';
import { useRun } from '../stores/run';
import { select, useUi } from '../stores/ui';

function useTitle(node: NodeId | null): string | null {
  const catalogue = useCatalog((state) => state.catalogue);
  const body = useDocument((state) => state.history.present.nodes.get(node ?? '')?.body);
  return body ? shapeOf(catalogue, body).title : null;
}

function GoTo({ node, title }: { node: NodeId; title: string }): ReactElement {
  const { fitView } = useReactFlow();
  const go = (): void => {
    select([node]);
    void fitView({ nodes: [{ id: node }], maxZoom: 1, padding: 0.5, duration: 150 });
  };
  return (
    <button type="button" className="problem-node" onClick={go}>
      {title}
      <Icon name="go" size={12} />
    </button>
  );
}

function Card({ problem }: { problem: Problem }): ReactElement {
  const title = useTitle(problem.node);
  const { node, message, advice, detail } = problem;
  return (
    <li className="problem">
      {node !== null && title !== null && <GoTo node={node} title={title} />}
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
