// The page: bar, canvas, panels; and the start: definitions, then the document of the last visit or
// the ready graph, then the connection.

import { ReactFlowProvider, useReactFlow } from '@xyflow/react';
import { type ReactElement, useEffect } from 'react';
import { Canvas } from './canvas/Canvas';
import { Search } from './canvas/Search';
import { ZoomBar } from './canvas/ZoomBar';
import { t } from './i18n';
import { startKeys } from './keys';
import { Check } from './panels/Check';
import { HelpLine, KeyList } from './panels/Help';
import { Missing } from './panels/Missing';
import { PageTitle } from './panels/PageTitle';
import { Problems } from './panels/Problems';
import { Timeline } from './panels/Timeline';
import { Toasts } from './panels/Toasts';
import { TopBar } from './panels/TopBar';
import { restore, startAutosave } from './stores/autosave';
import { loadCatalogue, useCatalog } from './stores/catalog';
import { openStarter } from './stores/files';
import { startRuns } from './stores/run';
import { useUi } from './stores/ui';

const RETRY_MS = 2000;

/** Definitions first: without them a graph can't be drawn. Tries until the server answers. */
function useStart(): void {
  useEffect(() => {
    let timer = 0;
    let left = false;
    let stops: (() => void)[] = [];
    const begin = async (): Promise<void> => {
      try {
        await loadCatalogue();
      } catch {
        // The waiting line on the canvas says so; the server may just be starting.
        if (!left) timer = window.setTimeout(() => void begin(), RETRY_MS);
        return;
      }
      if (left) return;
      if (!restore()) openStarter();
      stops = [startRuns(), startAutosave()];
    };
    void begin();
    return () => {
      left = true;
      window.clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, []);
}

function Waiting(): ReactElement | null {
  const state = useCatalog((one) => one.state);
  if (state === 'ready') return null;
  return (
    <p className="waiting" role="status">
      {t(state === 'failed' ? 'start.failed' : 'start.waiting')}
    </p>
  );
}

function Page(): ReactElement {
  const flow = useReactFlow();
  const theme = useUi((state) => state.theme);
  useStart();
  useEffect(() => startKeys(flow), [flow]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <>
      <PageTitle />
      <TopBar />
      <div className="middle">
        <div className="desk">
          <Canvas />
          <Missing />
          <Waiting />
          <HelpLine />
          <ZoomBar />
          <Toasts />
        </div>
        <Problems />
        <Check />
      </div>
      <Timeline />
      <Search />
      <KeyList />
    </>
  );
}

export function App(): ReactElement {
  return (
    <ReactFlowProvider>
      <Page />
    </ReactFlowProvider>
  );
}
