// Keeps React Flow from measuring nodes. Sizes and sockets are computed and handed over with each
// node; a measurement would replace them by what is in the DOM, and far out there are no sockets in
// it: all cables would vanish.

import { useStoreApi } from '@xyflow/react';
import { useState } from 'react';

function measureNothing(): void {
  // The resize observer of each mounted node ends here.
}

/** To be called above the component that renders <ReactFlow>, before it first does. */
export function useNothingMeasured(): void {
  const store = useStoreApi();
  useState(() => store.setState({ updateNodeInternals: measureNothing }));
}
