// Short notes at the bottom; they go by themselves.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import { dismissToast, useUi } from '../stores/ui';

export function Toasts(): ReactElement {
  const toasts = useUi((state) => state.toasts);
  return (
    <div className="toasts" aria-live="polite">
      {toasts.map(({ id, text, tone }) => (
        <div key={id} className={`toast overlay ${tone}`}>
          {tone === 'error' && <Icon name="warning" size={14} />}
          <span>{text}</span>
          <button
            type="button"
            className="icon-button"
            aria-label={t('close')}
            onClick={() => dismissToast(id)}
          >
            <Icon name="close" size={13} />
          </button>
        </div>
      ))}
    </div>
  );
}
