// Chooses the field for a widget by its kind. Fields know nothing of nodes: they get a value and say
// what it becomes; this file turns that into edits of the document.

import { memo, type ReactElement } from 'react';
import { setWidget } from '../model/commands';
import type { NodeDef } from '../model/definitions';
import type { NodeId } from '../model/document';
import type { Json } from '../model/json';
import { type Field, shapeOf } from '../model/shape';
import { currentCatalogue } from '../stores/catalog';
import { cancelGesture, commit, currentDoc, live, settle } from '../stores/document';
import { useRun } from '../stores/run';
import { ComboField } from './ComboField';
import { JsonField } from './JsonField';
import { NumberField } from './NumberField';
import { SeedControl } from './SeedControl';
import { TextField } from './TextField';
import { ToggleField } from './ToggleField';
import { UploadButton } from './UploadButton';

export interface FieldEdits {
  /** A finished change. */
  readonly set: (value: Json) => void;
  /** A change by typing: a burst of them is one undo step. */
  readonly type: (value: Json) => void;
  /** A moment of a drag; `settle` or `cancel` ends it. */
  readonly live: (value: Json) => void;
  readonly settle: () => void;
  readonly cancel: () => void;
}

function defOf(id: NodeId): NodeDef | null {
  const body = currentDoc().nodes.get(id)?.body;
  return body ? shapeOf(currentCatalogue(), body).def : null;
}

function editsOf(id: NodeId, index: number): FieldEdits {
  const command = (value: Json) => {
    const def = defOf(id);
    return def ? setWidget(id, def, index, value) : (doc: ReturnType<typeof currentDoc>) => doc;
  };
  return {
    set: (value) => commit(command(value)),
    type: (value) => commit(command(value), `${id}/${index}`),
    live: (value) => live(command(value)),
    settle,
    cancel: cancelGesture,
  };
}

interface FieldProps {
  readonly id: NodeId;
  readonly field: Field;
  /** A linked widget shows its value greyed: what flows in counts. */
  readonly linked: boolean;
}

export const FieldView = memo(function FieldView({ id, field, linked }: FieldProps): ReactElement {
  const wrong = useRun((state) =>
    state.problems.some((one) => one.node === id && one.input === field.def.name),
  );
  const { label, value } = field;
  const { spec, tooltip } = field.def;
  const edits = editsOf(id, field.index);
  const shared = { label, value, edits, tooltip, disabled: linked };
  const control = field.control;
  return (
    <div className={`field ${linked ? 'linked' : ''} ${wrong ? 'wrong' : ''} nodrag`}>
      {spec.kind === 'number' && <NumberField {...shared} spec={spec} />}
      {spec.kind === 'combo' && <ComboField {...shared} spec={spec} />}
      {spec.kind === 'text' && <TextField {...shared} spec={spec} />}
      {spec.kind === 'toggle' && <ToggleField {...shared} spec={spec} />}
      {spec.kind === 'json' && <JsonField {...shared} />}
      {control && <SeedControl value={control.value} edits={editsOf(id, control.index)} />}
      {spec.kind === 'combo' && spec.upload && <UploadButton edits={edits} />}
    </div>
  );
});
