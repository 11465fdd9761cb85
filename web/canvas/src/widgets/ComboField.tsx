// One of a list: a click opens it with the search focused, arrows change the value in place. A value
// that is not on offer is kept and shown as such.

import { type KeyboardEvent, type ReactElement, useRef, useState } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { ComboSpec } from '../model/definitions';
import type { Json } from '../model/json';
import type { FieldEdits } from './FieldView';
import { OptionList } from './OptionList';

/** Names of weights without their ending: the field is narrow, the list shows all of it. */
function shortName(name: string): string {
  return name.replace(/\.(safetensors|ckpt|pth?|bin|sft)$/, '');
}

interface ComboProps {
  readonly label: string;
  readonly value: Json;
  readonly spec: ComboSpec;
  readonly edits: FieldEdits;
  readonly tooltip: string;
  readonly disabled: boolean;
}

export function ComboField({
  label,
  value,
  spec,
  edits,
  tooltip,
  disabled,
}: ComboProps): ReactElement {
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const offered = spec.options.some((option) => option === value);
  const step = (by: number): void => {
    const at = spec.options.indexOf(value);
    const next = spec.options[Math.min(spec.options.length - 1, Math.max(0, at + by))];
    if (next !== undefined && next !== value) edits.type(next);
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setOpen(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={`combo ${offered ? '' : 'unknown'}`}
        role="combobox"
        aria-label={label}
        aria-expanded={open}
        aria-controls={open ? 'options' : undefined}
        aria-haspopup="listbox"
        disabled={disabled}
        title={tooltip || String(value ?? '')}
        onClick={() => setOpen(true)}
        onKeyDown={keys}
      >
        <span className="field-label">{label}</span>
        <span className="field-value">
          {value === null ? t('combo.none') : shortName(String(value))}
        </span>
        <Icon name="down" size={12} />
      </button>
      {open && (
        <OptionList
          anchor={button.current}
          label={label}
          options={spec.options}
          value={value}
          choose={(next) => edits.set(next)}
          close={() => {
            setOpen(false);
            button.current?.focus();
          }}
        />
      )}
    </>
  );
}
