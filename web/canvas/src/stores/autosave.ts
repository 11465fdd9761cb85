// Keeps the open document in the browser, so that a reload or a crash loses nothing but the last
// moment, and brings it back at the next start.

import { parseJson, writeJson } from '../formats/json';
import { openJson } from '../formats/open';
import { writeWorkflow } from '../formats/workflow-write';
import { t } from '../i18n';
import { EMPTY } from '../model/document';
import { isObject, textOf } from '../model/json';
import { inputKind } from '../model/shape';
import { currentCatalogue } from './catalog';
import { openDocument, useDocument } from './document';
import { toast } from './ui';

const KEY = 'patchbay.document';
const DELAY_MS = 300;

function save(): void {
  const { history, name, clean } = useDocument.getState();
  const catalogue = currentCatalogue();
  const workflow = writeWorkflow(history.present, (body, input) =>
    inputKind(catalogue, body, input),
  );
  try {
    localStorage.setItem(KEY, writeJson({ name, workflow, dirty: history.present !== clean }));
  } catch {
    toast(t('autosave.full'), 'error');
  }
}

/** The document of the last visit, if there is a readable one. */
export function restore(): boolean {
  const text = localStorage.getItem(KEY);
  if (!text) return false;
  try {
    const stored = parseJson(text);
    if (!isObject(stored) || !isObject(stored.workflow)) return false;
    const { doc } = openJson(stored.workflow, currentCatalogue());
    openDocument(doc, textOf(stored.name), stored.dirty === true ? EMPTY : doc);
    return true;
  } catch (error) {
    toast(t('autosave.broken', { why: (error as Error).message }), 'error');
    return false;
  }
}

/** Save shortly after every change, and at once when the page is left. */
export function startAutosave(): () => void {
  let timer = 0;
  let pending = false;
  const flush = (): void => {
    window.clearTimeout(timer);
    if (pending) save();
    pending = false;
  };
  const stop = useDocument.subscribe((now, before) => {
    if (now.history.present === before.history.present && now.name === before.name) return;
    pending = true;
    window.clearTimeout(timer);
    timer = window.setTimeout(flush, DELAY_MS);
  });
  const hidden = (): void => {
    if (document.visibilityState === 'hidden') flush();
  };
  window.addEventListener('pagehide', flush);
  document.addEventListener('visibilitychange', hidden);
  return () => {
    stop();
    flush();
    window.removeEventListener('pagehide', flush);
    document.removeEventListener('visibilitychange', hidden);
  };
}
