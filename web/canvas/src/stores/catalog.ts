// The node definitions of this server.

import { create } from 'zustand';
import { readObjectInfo } from '../formats/object-info';
import type { Catalogue } from '../model/definitions';
import { getObjectInfo } from '../server/http';
import { toast } from './ui';

interface CatalogState {
  readonly catalogue: Catalogue;
  readonly state: 'loading' | 'ready' | 'failed';
}

export const useCatalog = create<CatalogState>(() => ({ catalogue: new Map(), state: 'loading' }));

export function currentCatalogue(): Catalogue {
  return useCatalog.getState().catalogue;
}

/** Fetch the definitions; throws a ServerError and keeps what was known. */
export async function loadCatalogue(): Promise<void> {
  try {
    const catalogue = readObjectInfo(await getObjectInfo());
    useCatalog.setState({ catalogue, state: 'ready' });
  } catch (error) {
    useCatalog.setState((old) => ({ state: old.state === 'ready' ? 'ready' : 'failed' }));
    throw error;
  }
}

/** Fetch them again, for new files and nodes; says in words when it can't be done. */
export async function reloadCatalogue(): Promise<void> {
  try {
    await loadCatalogue();
  } catch (error) {
    toast((error as Error).message, 'error');
  }
}
