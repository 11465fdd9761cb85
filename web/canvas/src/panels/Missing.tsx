// A quiet banner when the graph holds node classes that this server does not have.

import { type ReactElement, useMemo, useState } from 'react';
import { subgraphs } from '../formats/prompt';
import { t } from '../i18n';
import { Icon } from '../icons';
import { definitionOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useDocument } from '../stores/document';

export function Missing(): ReactElement | null {
  const catalogue = useCatalog((state) => state.catalogue);
  const nodes = useDocument((state) => state.history.present.nodes);
  const saved = useDocument((state) => state.history.present.saved);
  const generation = useDocument((state) => state.generation);
  const [dismissed, setDismissed] = useState(-1);
  const types = useMemo(() => {
    if (catalogue.size === 0) return [];
    const inner = subgraphs({ nodes, links: new Map(), lastNode: 0, lastLink: 0, saved });
    const unknown = [...nodes.values()].filter(
      ({ body }) => !definitionOf(catalogue, body) && !inner.has(body.type),
    );
    return [...new Set(unknown.map(({ body }) => body.type))];
  }, [catalogue, nodes, saved]);
  if (types.length === 0 || dismissed === generation) return null;
  return (
    <div className="banner" role="status">
      <Icon name="warning" size={14} />
      <span>{t('missing.banner', { n: types.length, types: types.join(', ') })}</span>
      <button
        type="button"
        className="icon-button"
        aria-label={t('close')}
        onClick={() => setDismissed(generation)}
      >
        <Icon name="close" size={14} />
      </button>
    </div>
  );
}
