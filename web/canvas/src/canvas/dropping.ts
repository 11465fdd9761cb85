// Files dropped on the canvas: a workflow opens, a picture on an upload node fills it.

import type { DragEvent } from 'react';
import { setWidget } from '../model/commands';
import { shapeOf, uploadField } from '../model/shape';
import { currentCatalogue } from '../stores/catalog';
import { commit, currentDoc } from '../stores/document';
import { openFile } from '../stores/files';
import { uploadInto } from '../widgets/UploadButton';

/** The upload widget of the node under the pointer, as something a file can be put into. */
function uploadUnder(target: Element): ((file: File) => void) | null {
  const id = target.closest('.react-flow__node')?.getAttribute('data-id');
  const body = id ? currentDoc().nodes.get(id)?.body : undefined;
  if (!id || !body) return null;
  const shape = shapeOf(currentCatalogue(), body);
  const field = uploadField(shape);
  const { def } = shape;
  if (!field || !def) return null;
  return (file) =>
    void uploadInto(file, { set: (value) => commit(setWidget(id, def, field.index, value)) });
}

interface DropHandlers {
  readonly onDragOver: (event: DragEvent) => void;
  readonly onDrop: (event: DragEvent) => void;
}

export const FILE_DROP: DropHandlers = {
  onDragOver: (event) => {
    if (event.dataTransfer.types.includes('Files')) event.preventDefault();
  },
  onDrop: (event) => {
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    const upload = file.type.startsWith('image/') ? uploadUnder(event.target as Element) : null;
    if (upload) upload(file);
    else void openFile(file);
  },
};
