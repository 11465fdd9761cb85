// On or off.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import type { ToggleSpec } from '../model/definitions';
import type { Json } from '../model/json';
import type { FieldEdits } from './FieldView';

interface ToggleProps {
  readonly label: string;
  readonly value: Json;
  readonly spec: ToggleSpec;
  readonly edits: FieldEdits;
  readonly tooltip: string;
  readonly disabled: boolean;
}

export function ToggleField({
  label,
  value,
  spec,
  edits,
  tooltip,
  disabled,
}: ToggleProps): ReactElement {
  const on = value === true;
  const words = on ? spec.on || t('toggle.on') : spec.off || t('toggle.off');
  return (
    <button
      type="button"
      role="switch"
      className="toggle"
      aria-checked={on}
      aria-label={label}
      title={tooltip}
      disabled={disabled}
      onClick={() => edits.set(!on)}
    >
      <span className="field-label">{label}</span>
      <span className="field-value">{words}</span>
      <span className="toggle-track" />
    </button>
  );
}
