// The menu behind the three lines: files, theme, help.

import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { type TextKey, t } from '../i18n';
import { Icon, type IconName } from '../icons';
import { check } from '../stores/check';
import { chooseFile, exportPrompt, newDocument, openStarter, saveWorkflow } from '../stores/files';
import { setTheme, toggleTimeline, useUi } from '../stores/ui';

interface Item {
  readonly icon: IconName;
  readonly text: TextKey;
  readonly keys?: string;
  readonly act: () => void;
}

function useItems(): readonly (readonly Item[])[] {
  const dark = useUi((state) => state.theme === 'dark');
  return [
    [
      { icon: 'file', text: 'menu.new', act: newDocument },
      { icon: 'spark', text: 'menu.starter', act: openStarter },
      { icon: 'upload', text: 'menu.open', keys: 'Ctrl+O', act: chooseFile },
    ],
    [
      { icon: 'save', text: 'menu.save', keys: 'Ctrl+S', act: saveWorkflow },
      { icon: 'export', text: 'menu.export', act: exportPrompt },
    ],
    [
      {
        icon: 'checklist',
        text: 'check.tip',
        keys: 'Ctrl+Shift+Enter',
        act: () => void check(),
      },
      { icon: 'timeline', text: 'timeline.tip', keys: 'T', act: toggleTimeline },
    ],
    [
      {
        icon: dark ? 'sun' : 'moon',
        text: dark ? 'menu.light' : 'menu.dark',
        act: () => setTheme(dark ? 'light' : 'dark'),
      },
      { icon: 'help', text: 'menu.keys', keys: '?', act: () => useUi.setState({ keysOpen: true }) },
    ],
  ];
}

export function Menu(): ReactElement {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <span className="menu-place">
      <button
        ref={button}
        type="button"
        className="icon-button"
        aria-label={t('menu')}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="menu" />
      </button>
      {open && <MenuList close={close} />}
    </span>
  );
}

function MenuList({ close }: { close: () => void }): ReactElement {
  const groups = useItems();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('button')?.focus();
  }, []);
  const keys = (event: KeyboardEvent): void => {
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) buttons[(at + by + buttons.length) % buttons.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div className="list-shield" onPointerDown={close} />
      <div
        className="menu overlay"
        role="menu"
        aria-label={t('menu')}
        tabIndex={-1}
        ref={list}
        onKeyDown={keys}
      >
        {groups.map((items) => (
          // biome-ignore lint/a11y/useSemanticElements: a fieldset is no part of a menu
          <div className="menu-group" role="group" key={items[0]?.text}>
            {items.map((item) => (
              <button
                type="button"
                role="menuitem"
                key={item.text}
                onClick={() => {
                  close();
                  item.act();
                }}
              >
                <Icon name={item.icon} />
                <span>{t(item.text)}</span>
                {item.keys && <kbd>{item.keys}</kbd>}
              </button>
            ))}
          </div>
        ))}
      </div>
    </>
  );
}
