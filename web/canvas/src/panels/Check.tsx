// What Run would do now: nodes that would run and why, missing files, what would fail, what it costs.

import type { ReactElement, ReactNode } from 'react';
import { type TextKey, t } from '../i18n';
import { Icon } from '../icons';
import { bytesText, secondsText } from '../model/amounts';
import type { Plan, Remark } from '../model/plan';
import { check } from '../stores/check';
import { useDocument } from '../stores/document';
import { closePlan, usePlan } from '../stores/plan';
import { NodeLink } from './NodeLink';

const MOST_ROWS = 200;

function summary(plan: Plan): string {
  if (plan.run.length === 0) {
    return plan.missing.length + plan.problems.length > 0 ? '' : t('check.nothing');
  }
  const parts = [t('check.run', { n: plan.run.length })];
  if (plan.cached > 0) parts.push(t('check.cached', { n: plan.cached }));
  return `${parts.join(', ')}.`;
}

function expected({ run, seconds, peak, unknown }: Plan): string {
  const parts: string[] = [];
  if (run.some((node) => node.seconds !== null)) {
    const time = secondsText(seconds);
    parts.push(
      peak === null
        ? `${t('check.about', { time })}.`
        : `${t('check.about.memory', { time, memory: bytesText(peak) })}.`,
    );
  }
  if (unknown.length > 0) parts.push(t('check.unknown', { classes: unknown.join(', ') }));
  return parts.join(' ');
}

interface SectionProps {
  readonly title: TextKey;
  readonly children: ReactNode;
}

function Section({ title, children }: SectionProps): ReactElement {
  return (
    <section aria-label={t(title)}>
      <h3>{t(title)}</h3>
      <ul>{children}</ul>
    </section>
  );
}

interface RemarksProps {
  readonly title: TextKey;
  readonly tone: 'error' | 'warning';
  readonly remarks: readonly Remark[];
}

function Remarks({ title, tone, remarks }: RemarksProps): ReactElement | null {
  if (remarks.length === 0) return null;
  return (
    <Section title={title}>
      {remarks.slice(0, MOST_ROWS).map(({ node, text }) => (
        <li className={`problem ${tone}`} key={`${node} ${text}`}>
          <NodeLink node={node} />
          <p className="problem-message">{text}</p>
        </li>
      ))}
    </Section>
  );
}

function WouldRun({ plan }: { plan: Plan }): ReactElement | null {
  if (plan.run.length === 0) return null;
  return (
    <Section title="check.runs">
      {plan.run.slice(0, MOST_ROWS).map(({ node, title, text, seconds }) => (
        <li className="planned" key={node}>
          <span className="planned-node">
            <NodeLink node={node} />
            {seconds !== null && <span title={t('check.basis')}>{secondsText(seconds)}</span>}
          </span>
          <p title={title}>{text}</p>
        </li>
      ))}
      {plan.run.length > MOST_ROWS && (
        <li className="planned">{t('check.more', { n: plan.run.length - MOST_ROWS })}</li>
      )}
    </Section>
  );
}

function Answer({ plan }: { plan: Plan }): ReactElement {
  return (
    <div className="check-answer">
      <Remarks title="check.missing" tone="error" remarks={plan.missing} />
      <Remarks title="check.problems" tone="error" remarks={plan.problems} />
      <Remarks title="check.warnings" tone="warning" remarks={plan.warnings} />
      <WouldRun plan={plan} />
    </div>
  );
}

/** The answer is about the document as it was when it was asked for. */
function Stale(): ReactElement | null {
  const asked = usePlan((one) => one.drawn?.from);
  const now = useDocument((one) => one.history.present);
  if (asked === now) return null;
  return (
    <p className="check-stale">
      {t('check.stale')}{' '}
      <button type="button" className="node-link" onClick={() => void check()}>
        {t('check.again')}
      </button>
    </p>
  );
}

export function Check(): ReactElement | null {
  const state = usePlan((one) => one.state);
  const plan = usePlan((one) => one.plan);
  if (state === 'closed') return null;
  return (
    <aside className="problems check" aria-label={t('check')}>
      <header>
        <h2>{t('check')}</h2>
        <button type="button" className="icon-button" aria-label={t('close')} onClick={closePlan}>
          <Icon name="close" />
        </button>
      </header>
      <p className="check-summary" role="status">
        {plan ? summary(plan) : t('check.asking')}
        {plan && <span title={t('check.basis')}> {expected(plan)}</span>}
      </p>
      {plan && <Stale />}
      {plan && <Answer plan={plan} />}
    </aside>
  );
}
