// A value of a kind this canvas has no field for, as JSON text. It is never dropped, and only changed
// when what was typed is JSON again.

import { type ReactElement, useState } from 'react';
import { parseJson, writeJson } from '../formats/json';
import type { Json } from '../model/json';
import type { FieldEdits } from './FieldView';

interface JsonProps {
  readonly label: string;
  readonly value: Json;
  readonly edits: FieldEdits;
  readonly tooltip: string;
  readonly disabled: boolean;
}

export function JsonField({ label, value, edits, tooltip, disabled }: JsonProps): ReactElement {
  const [draft, setDraft] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  const finish = (): void => {
    if (draft === null) return;
    try {
      edits.set(parseJson(draft));
      setDraft(null);
      setWrong(false);
    } catch {
      setWrong(true);
    }
  };
  return (
    <label className={`text-line ${wrong ? 'wrong' : ''}`} title={tooltip}>
      <span className="field-label">{label}</span>
      <input
        className="nopan"
        aria-label={label}
        aria-invalid={wrong}
        disabled={disabled}
        value={draft ?? writeJson(value)}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === 'Enter') finish();
        }}
      />
    </label>
  );
}
