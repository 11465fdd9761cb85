// Uploads a picture into the input folder and chooses it.

import type { ReactElement } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import { uploadImage } from '../server/http';
import { loadCatalogue } from '../stores/catalog';
import { toast } from '../stores/ui';
import type { FieldEdits } from './FieldView';

/** Upload, refresh what the combos offer, and set the widget to the name the server gave. */
export async function uploadInto(file: File, edits: Pick<FieldEdits, 'set'>): Promise<void> {
  try {
    const { filename, subfolder } = await uploadImage(file);
    await loadCatalogue();
    edits.set(subfolder ? `${subfolder}/${filename}` : filename);
  } catch (error) {
    toast((error as Error).message, 'error');
  }
}

export function UploadButton({ edits }: { edits: FieldEdits }): ReactElement {
  const choose = (): void => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = 'image/*';
    input.onchange = () => {
      const file = input.files?.[0];
      if (file) void uploadInto(file, edits);
    };
    input.click();
  };
  return (
    <button
      type="button"
      className="field-button"
      aria-label={t('upload.choose')}
      title={t('upload.choose')}
      onClick={choose}
    >
      <Icon name="upload" size={14} />
    </button>
  );
}
