// Tells the formats apart and makes a document of any of them: canvas workflow, API prompt, and the
// PNG that carries one. Throws an Error with a sentence for the person who opened the file.

import type { Catalogue } from '../model/definitions';
import { isList, isObject, type Json } from '../model/json';
import { isApiPrompt, readApiPrompt } from './api-import';
import { parseJson } from './json';
import { isPng, pngTexts } from './png';
import { type Loaded, readWorkflow } from './workflow';

export function openJson(json: Json, catalogue: Catalogue): Loaded {
  if (isObject(json) && isList(json.nodes)) {
    return readWorkflow(json, (type, slot) => {
      const def = catalogue.get(type);
      return [...(def?.inputs ?? []), ...(def?.widgets ?? [])][slot]?.name ?? null;
    });
  }
  if (isApiPrompt(json)) return { doc: readApiPrompt(json, catalogue), repairs: [] };
  throw new Error('This JSON is no workflow: it has neither a list of nodes nor API nodes.');
}

export function openText(text: string, catalogue: Catalogue): Loaded {
  let json: Json;
  try {
    json = parseJson(text);
  } catch (error) {
    throw new Error(`This file is not valid JSON: ${(error as Error).message}`);
  }
  return openJson(json, catalogue);
}

/** Open a file by its content; the name is not looked at. */
export async function openBytes(bytes: Uint8Array, catalogue: Catalogue): Promise<Loaded> {
  if (!isPng(bytes)) return openText(new TextDecoder().decode(bytes), catalogue);
  const texts = await pngTexts(bytes);
  const found = texts.get('workflow') ?? texts.get('prompt');
  if (found === undefined) throw new Error('This picture has no workflow in it.');
  return openText(found, catalogue);
}
