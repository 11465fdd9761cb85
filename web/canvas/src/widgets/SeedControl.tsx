// What happens to a seed between runs, as one icon in its row: a click goes to the next choice.

import type { ReactElement } from 'react';
import { type TextKey, t } from '../i18n';
import { Icon, type IconName } from '../icons';
import { CONTROL_MODES, type ControlMode } from '../model/definitions';
import type { Json } from '../model/json';
import type { FieldEdits } from './FieldView';

const ICONS: Readonly<Record<ControlMode, IconName>> = {
  fixed: 'lock',
  increment: 'up',
  decrement: 'fall',
  randomize: 'dice',
};

const WORDS: Readonly<Record<ControlMode, TextKey>> = {
  fixed: 'seed.fixed',
  increment: 'seed.increment',
  decrement: 'seed.decrement',
  randomize: 'seed.randomize',
};

export function SeedControl({ value, edits }: { value: Json; edits: FieldEdits }): ReactElement {
  const mode = CONTROL_MODES.find((one) => one === value) ?? 'fixed';
  const next = CONTROL_MODES[(CONTROL_MODES.indexOf(mode) + 1) % CONTROL_MODES.length] ?? 'fixed';
  const words = t(WORDS[mode]);
  return (
    <button
      type="button"
      className={`field-button seed-control ${mode}`}
      aria-label={t('seed.control', { mode: words })}
      title={t('seed.control', { mode: words })}
      onClick={() => edits.set(next)}
    >
      <Icon name={ICONS[mode]} size={14} />
    </button>
  );
}
