// One line of help at the first start, and the list of keys.

import { type ReactElement, useEffect, useRef } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import { BINDINGS } from '../keys';
import { hideHelp, useUi } from '../stores/ui';

export function HelpLine(): ReactElement | null {
  const shown = useUi((state) => state.helpShown);
  if (!shown) return null;
  return (
    <div className="help-line overlay" role="note">
      <span>{t('help.line')}</span>
      <button type="button" className="icon-button" aria-label={t('close')} onClick={hideHelp}>
        <Icon name="close" size={14} />
      </button>
    </div>
  );
}

function onMac(keys: string): string {
  return /Mac|iPhone|iPad/.test(navigator.platform) ? keys.replace('Ctrl', 'Cmd') : keys;
}

export function KeyList(): ReactElement | null {
  const open = useUi((state) => state.keysOpen);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={dialog}
      className="key-list overlay"
      aria-label={t('keys.title')}
      onClose={() => useUi.setState({ keysOpen: false })}
    >
      <header>
        <h2>{t('keys.title')}</h2>
        <button
          type="button"
          className="icon-button"
          aria-label={t('close')}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
      <dl>
        {BINDINGS.map(({ keys, does }) => (
          <div key={keys}>
            <dt>{t(does)}</dt>
            <dd>
              <kbd>{onMac(keys)}</kbd>
            </dd>
          </div>
        ))}
        <div>
          <dt>{t('key.box')}</dt>
          <dd>
            <kbd>{onMac('Ctrl')}</kbd> {t('key.drag')}
          </dd>
        </div>
        <div>
          <dt>{t('key.disconnect')}</dt>
          <dd>
            <kbd>{onMac('Ctrl+Alt')}</kbd> {t('key.click')}
          </dd>
        </div>
      </dl>
      <p className="about">{t('about')}</p>
    </dialog>
  );
}
