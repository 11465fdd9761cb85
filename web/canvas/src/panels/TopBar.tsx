// The bar at the top: menu, name, undo and redo, run and stop, queue, connection.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import { check } from '../stores/check';
import { redo, undo, useDocument } from '../stores/document';
import { run, stop, useRun } from '../stores/run';
import { toggleTimeline, useUi } from '../stores/ui';
import { Menu } from './Menu';

function Name(): ReactElement {
  const name = useDocument((state) => state.name);
  const dirty = useDocument((state) => state.history.present !== state.clean);
  return (
    <label className="doc-name">
      <input
        aria-label={t('doc.name')}
        placeholder={t('doc.untitled')}
        value={name}
        onChange={(event) => useDocument.setState({ name: event.target.value })}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      {dirty && <span className="doc-dirty" title={t('doc.dirty')} />}
    </label>
  );
}

function Connection(): ReactElement {
  const connection = useRun((state) => state.connection);
  const words = t(
    connection === 'open'
      ? 'connection.open'
      : connection === 'lost'
        ? 'connection.lost'
        : 'connection.connecting',
  );
  return (
    <span className={`connection ${connection}`} role="status" title={words}>
      <span className="connection-dot" />
      <span className={connection === 'open' ? 'sr-only' : ''}>{words}</span>
    </span>
  );
}

function QueueCount(): ReactElement | null {
  const queue = useRun((state) => state.queue);
  if (queue === 0) return null;
  return (
    <span className="queue-count" role="status">
      {queue}
      <span className="when-wide">{t('queue.in')}</span>
    </span>
  );
}

function ProblemCount(): ReactElement | null {
  const count = useRun((state) => state.problems.length);
  if (count === 0) return null;
  const words = t(count === 1 ? 'problem.one' : 'problem.count', { n: count });
  return (
    <button
      type="button"
      className="problem-count"
      aria-label={words}
      onClick={() => useUi.setState((state) => ({ problemsOpen: !state.problemsOpen }))}
    >
      <Icon name="warning" size={14} />
      <span className="when-wide">{words}</span>
      <span className="when-narrow">{count}</span>
    </button>
  );
}

function RunButton(): ReactElement {
  const offline = useRun((state) => state.connection !== 'open');
  const sending = useRun((state) => state.sending);
  return (
    <button
      type="button"
      className="run-button"
      disabled={offline || sending}
      title={offline ? t('run.offline') : `${t('run')}  Ctrl+Enter`}
      onClick={() => void run()}
    >
      <Icon name="play" size={13} />
      {t('run')}
    </button>
  );
}

function StopButton(): ReactElement {
  const idle = useRun((state) => state.jobs.size === 0);
  return (
    <button
      type="button"
      className="icon-button stop-button"
      disabled={idle}
      aria-label={t('stop')}
      title={`${t('stop')}  Ctrl+Alt+Enter`}
      onClick={() => void stop()}
    >
      <Icon name="stop" />
    </button>
  );
}

function UndoButtons(): ReactElement {
  const past = useDocument((state) => state.history.past.length > 0);
  const future = useDocument((state) => state.history.future.length > 0);
  return (
    <span className="undo-buttons">
      <button
        type="button"
        className="icon-button"
        disabled={!past}
        aria-label={t('undo')}
        title={`${t('undo')}  Ctrl+Z`}
        onClick={undo}
      >
        <Icon name="undo" />
      </button>
      <button
        type="button"
        className="icon-button"
        disabled={!future}
        aria-label={t('redo')}
        title={`${t('redo')}  Ctrl+Y`}
        onClick={redo}
      >
        <Icon name="redo" />
      </button>
    </span>
  );
}

function InsightButtons(): ReactElement {
  const offline = useRun((state) => state.connection !== 'open');
  const open = useUi((state) => state.timelineOpen);
  return (
    <span className="insight-buttons">
      <button
        type="button"
        className="icon-button"
        aria-label={t('timeline')}
        aria-pressed={open}
        title={`${t('timeline.tip')}  T`}
        onClick={toggleTimeline}
      >
        <Icon name="timeline" />
      </button>
      <button
        type="button"
        className="icon-button"
        disabled={offline}
        aria-label={t('check')}
        title={`${t('check.tip')}  Ctrl+Shift+Enter`}
        onClick={() => void check()}
      >
        <Icon name="checklist" />
      </button>
    </span>
  );
}

export function TopBar(): ReactElement {
  return (
    <header className="top-bar">
      <Menu />
      <Name />
      <UndoButtons />
      <span className="top-space" />
      <ProblemCount />
      <QueueCount />
      <Connection />
      <InsightButtons />
      <StopButton />
      <RunButton />
    </header>
  );
}
