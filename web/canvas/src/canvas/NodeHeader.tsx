// The header of a node: category square, title (double-click renames), state at the right, progress.

import { memo, type ReactElement, useState } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import { categoryColour } from '../model/colours';
import { renameNode } from '../model/commands';
import type { NodeBody, NodeId } from '../model/document';
import type { NodeRun } from '../model/run';
import type { Shape } from '../model/shape';
import { commit } from '../stores/document';
import { useRun } from '../stores/run';

/** What a node does now, if anything; what it did is said below it. */
export function runText(run: NodeRun | undefined): string {
  switch (run?.phase) {
    case 'running':
      return run.max > 1 ? `${run.value}/${run.max}` : t('node.running');
    case 'error':
      return t('node.error');
    default:
      return '';
  }
}

function Status({ id }: { id: NodeId }): ReactElement | null {
  const run = useRun((state) => state.nodes.get(id));
  const wrong = useRun((state) => state.problems.some((problem) => problem.node === id));
  if (wrong) {
    return (
      <span className="node-status error">
        <Icon name="warning" size={13} />
      </span>
    );
  }
  const words = runText(run);
  return words ? <span className={`node-status ${run?.phase}`}>{words}</span> : null;
}

function Progress({ id }: { id: NodeId }): ReactElement | null {
  const run = useRun((state) => state.nodes.get(id));
  if (run?.phase !== 'running') return null;
  const known = run.max > 1;
  return (
    <div
      className={`node-progress ${known ? '' : 'unknown'}`}
      role="progressbar"
      aria-label={t('node.progress')}
      aria-valuemin={0}
      aria-valuemax={run.max}
      aria-valuenow={run.value}
    >
      <div style={{ transform: `scaleX(${known ? run.value / run.max : 1})` }} />
    </div>
  );
}

interface HeaderProps {
  readonly id: NodeId;
  readonly body: NodeBody;
  readonly shape: Shape;
}

export const NodeHeader = memo(function NodeHeader({ id, body, shape }: HeaderProps): ReactElement {
  const [editing, setEditing] = useState(false);
  const finish = (title: string | null): void => {
    setEditing(false);
    if (title !== null && title !== shape.title) commit(renameNode(id, title));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: renaming by keyboard is F2, this is the mouse's way
    <header className="node-header" onDoubleClick={() => setEditing(true)}>
      <span
        className="node-square"
        style={{ background: categoryColour(shape.def?.category ?? '') }}
      />
      {editing ? (
        <TitleInput title={body.title ?? shape.title} finish={finish} />
      ) : (
        <span className="node-title" title={shape.def?.description || body.type}>
          {shape.title}
        </span>
      )}
      <Status id={id} />
      <Progress id={id} />
    </header>
  );
});

interface TitleProps {
  readonly title: string;
  readonly finish: (title: string | null) => void;
}

function TitleInput({ title, finish }: TitleProps): ReactElement {
  return (
    <input
      className="node-title-input nodrag nopan"
      aria-label={t('node.rename')}
      defaultValue={title}
      // biome-ignore lint/a11y/noAutofocus: the field replaces the title that was double-clicked
      autoFocus
      onFocus={(event) => event.target.select()}
      onBlur={(event) => finish(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') finish(event.currentTarget.value);
        if (event.key === 'Escape') finish(null);
        event.stopPropagation();
      }}
    />
  );
}
