// Opening and saving files: what the menu, the keys and a drop on the canvas all call.

import starter from '../assets/starter.json';
import { writeJson } from '../formats/json';
import { openBytes, openJson } from '../formats/open';
import { toPrompt } from '../formats/prompt';
import { writeWorkflow } from '../formats/workflow-write';
import { t } from '../i18n';
import { EMPTY } from '../model/document';
import type { JsonObject } from '../model/json';
import { inputKind } from '../model/shape';
import { currentCatalogue } from './catalog';
import { currentDoc, markSaved, openDocument, useDocument } from './document';
import { select, toast } from './ui';

export function openStarter(): void {
  const { doc } = openJson(starter as JsonObject, currentCatalogue());
  openDocument(doc, t('starter.name'));
  select([]);
}

export function newDocument(): void {
  openDocument(EMPTY, '');
  select([]);
}

/** Open a workflow file; says in words why it can't be, or what was repaired. */
export async function openFile(file: File): Promise<void> {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { doc, repairs } = await openBytes(bytes, currentCatalogue());
    openDocument(doc, file.name.replace(/\.(json|png)$/i, ''));
    select([]);
    for (const repair of repairs) toast(repair);
  } catch (error) {
    toast(t('open.failed', { file: file.name, why: (error as Error).message }), 'error');
  }
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function fileName(ending: string): string {
  const name = useDocument.getState().name.trim() || 'workflow';
  return `${name.replace(/[/\\?%*:|"<>]/g, '_')}${ending}`;
}

export function saveWorkflow(): void {
  const catalogue = currentCatalogue();
  const workflow = writeWorkflow(currentDoc(), (body, name) => inputKind(catalogue, body, name));
  download(fileName('.json'), writeJson(workflow, 2));
  markSaved(useDocument.getState().name.trim() || 'workflow');
}

export function exportPrompt(): void {
  const { prompt } = toPrompt(currentDoc(), currentCatalogue());
  download(fileName('_api.json'), writeJson(prompt, 2));
}

/** Let the person choose a file to open. */
export function chooseFile(): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,.png,application/json,image/png';
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) void openFile(file);
  };
  input.click();
}
