// Bottom right: zoom and fit.

import { useReactFlow, useStore } from '@xyflow/react';
import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';

export function ZoomBar(): ReactElement {
  const { zoomIn, zoomOut, zoomTo, fitView } = useReactFlow();
  const zoom = useStore((state) => Math.round(state.transform[2] * 100));
  return (
    <div className="zoom-bar overlay" role="toolbar" aria-label={t('zoom.title')}>
      <button
        type="button"
        className="icon-button"
        aria-label={t('zoom.out')}
        onClick={() => void zoomOut()}
      >
        <Icon name="minus" />
      </button>
      <button
        type="button"
        className="zoom-value"
        aria-label={t('zoom.reset', { zoom })}
        title={t('zoom.reset', { zoom })}
        onClick={() => void zoomTo(1)}
      >
        {zoom}%
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t('zoom.in')}
        onClick={() => void zoomIn()}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t('zoom.fit')}
        title={`${t('zoom.fit')}  .`}
        onClick={() => void fitView({ padding: 0.08, maxZoom: 1 })}
      >
        <Icon name="fit" />
      </button>
    </div>
  );
}
