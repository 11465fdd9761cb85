// A node named in a panel: pressing it selects the node and brings it into view.

import { useReactFlow } from '@xyflow/react';
import type { ReactElement } from 'react';
import { Icon } from '../icons';
import type { NodeId } from '../model/document';
import { shapeOf } from '../model/shape';
import { useCatalog } from '../stores/catalog';
import { useDocument } from '../stores/document';
import { select } from '../stores/ui';

function useTitle(node: NodeId | null): string | null {
  const catalogue = useCatalog((state) => state.catalogue);
  const body = useDocument((state) => state.history.present.nodes.get(node ?? '')?.body);
  return body ? shapeOf(catalogue, body).title : null;
}

/** Nothing for a node that is not in the document (any more). */
export function NodeLink({ node }: { node: NodeId | null }): ReactElement | null {
  const { fitView } = useReactFlow();
  const title = useTitle(node);
  if (node === null || title === null) return null;
  const go = (): void => {
    select([node]);
    void fitView({ nodes: [{ id: node }], maxZoom: 1, padding: 0.5, duration: 150 });
  };
  return (
    <button type="button" className="node-link" onClick={go}>
      <span>{title}</span>
      <Icon name="go" size={12} />
    </button>
  );
}
