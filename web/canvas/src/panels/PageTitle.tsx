// The title of the browser tab: what runs and how far, so that another tab can be worked in.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import { shapeOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useDocument } from '../stores/document';
import { useRun } from '../stores/run';

function useRunning(): string {
  const catalogue = useCatalog((state) => state.catalogue);
  const id = useRun((state) => [...state.nodes].find(([, run]) => run.phase === 'running')?.[0]);
  const share = useRun((state) => {
    const run = id === undefined ? undefined : state.nodes.get(id);
    return run && run.max > 1 ? Math.round((100 * run.value) / run.max) : null;
  });
  const body = useDocument((state) => state.history.present.nodes.get(id ?? '')?.body);
  if (!body) return '';
  const title = shapeOf(catalogue, body).title;
  return share === null ? `${title} · ` : `[${share}%] ${title} · `;
}

export function PageTitle(): ReactElement {
  const name = useDocument((state) => state.name) || t('doc.untitled');
  const running = useRunning();
  return <title>{`${running}${name} · Patchbay`}</title>;
}
